Feature: Actors
  An actor asks its model and runs the tools it asks for, until it answers or reaches a limit.

  Background:
    Given a project with "a.txt" holding "one"
    And a sandbox of it for plan "plan-7"

  Scenario: The model answers
    Given a model that reads "a.txt" and then answers "It says one."
    When the actor "reader" runs
    Then "actor.invoked" is emitted for plan "plan-7" with "actor" being "reader"
    And "actor.completed" is emitted for plan "plan-7" with "tool_calls" being 1
    And "actor.completed" is caused by "actor.invoked"
    And "tool.invoked" is caused by "actor.invoked"

  Scenario: A limit is reached
    Given a model that reads "a.txt" and then answers "It says one."
    When the actor "reader" runs for 1 iterations at most
    Then "actor.escalated" is emitted for plan "plan-7" with "reason" being "max_iterations"
    And "actor.escalated" is caused by "actor.invoked"
    And "actor.completed" is emitted 0 times

  Scenario: The model has nothing more to say
    Given a model that says nothing
    When the actor "reader" runs
    Then "actor.errored" is emitted for plan "plan-7" with "error_kind" being "model"
    And "actor.errored" is caused by "actor.invoked"
    And "actor.completed" is emitted 0 times

  Scenario: A tool that the actor may not call is refused and told to the model
    Given a model that reads "a.txt" and then answers "I may not."
    When the actor "outsider" runs without tools
    Then "tool.errored" is emitted for plan "plan-7" with "error_kind" being "refused"
    And "tool.invoked" is emitted 0 times
    And "actor.completed" has "tool_calls" being 1
