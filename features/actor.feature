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

  Scenario: More calls of tools than are allowed are not made
    Given a model that reads "a.txt" and then answers "It says one."
    When the actor "reader" runs for 0 calls of tools at most
    Then "actor.escalated" is emitted for plan "plan-7" with "reason" being "max_tool_calls"
    And "actor.escalated" has "limit" being "0 calls of tools"
    And "actor.escalated" is caused by "actor.invoked"
    And "tool.invoked" is emitted 0 times

  Scenario: The time is up
    Given a model that never answers
    When the actor "reader" runs for 10 ms at most
    Then "actor.escalated" is emitted for plan "plan-7" with "reason" being "timeout"
    And "actor.escalated" has "iterations" being 1
    And "actor.escalated" is caused by "actor.invoked"
    And "actor.errored" is emitted 0 times

  Scenario: The budget does not pay the next question
    Given a model that reads "a.txt" and then answers "It says one."
    When the actor "reader" runs with a budget of "0" USD
    Then "actor.escalated" is emitted for plan "plan-7" with "reason" being "budget"
    And "actor.escalated" is caused by "actor.invoked"
    And "budget.exceeded" is caused by "actor.invoked"
    And "tool.invoked" is emitted 0 times

  Scenario: The failure policy ends it
    Given a model that reads "missing.txt" and then answers "It is not there."
    When the actor "reader" runs until 1 calls fail
    Then "actor.errored" is emitted for plan "plan-7" with "error_kind" being "policy"
    And "actor.errored" has "cancelled" being false
    And "actor.errored" is caused by "actor.invoked"
    And "actor.completed" is emitted 0 times

  Scenario: It is cancelled
    Given a model during whose answer the actor is cancelled
    When the actor "reader" runs
    Then "actor.errored" is emitted for plan "plan-7" with "error_kind" being "cancelled"
    And "actor.errored" has "cancelled" being true
    And "actor.errored" is caused by "actor.invoked"
    And "actor.completed" is emitted 0 times

  Scenario: An input that is left out is an empty one
    Given a model that lists files without an input and then answers "There is one."
    When the actor "reader" runs
    Then "tool.completed" is emitted 1 times
    And "tool.invoked" has "input_bytes" being 2
