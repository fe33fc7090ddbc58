Feature: Actors
  An actor asks its model and runs the tools it asks for, until it answers or reaches a limit. A run is never refused:
  it begins, and ends in one of three events, whatever happens.

  Background:
    Given a project with "a.txt" holding "one"
    And a sandbox of it for plan "plan-7"
    And the plan "plan-7" was opened

  Scenario: The model answers
    Given a model that reads "a.txt" and then answers "It says one."
    When the actor "reader" runs
    Then actor.invoked says
      | cause          | plan.created                                                                               |
      | plan_id        | plan-7                                                                                     |
      | root_plan_id   | plan-7                                                                                     |
      | session_id     | s-1                                                                                        |
      | actor_name     | reader                                                                                     |
      | actor          | reader                                                                                     |
      | model          | transcript                                                                                 |
      | tools          | delete_file, list_files, read_file, replace_in_file, run_command, search_files, write_file |
      | max_iterations | 25                                                                                         |
    And actor.completed says
      | cause         | actor.invoked |
      | plan_id       | plan-7        |
      | root_plan_id  | plan-7        |
      | session_id    | s-1           |
      | actor_name    | reader        |
      | actor         | reader        |
      | iterations    | 2             |
      | tool_calls    | 1             |
      | input_tokens  | 230           |
      | output_tokens | 16            |
      | duration_ms   | *             |
    And "tool.invoked" is caused by "actor.invoked"
    And "actor.escalated" is emitted 0 times
    And "actor.errored" is emitted 0 times

  Scenario: A limit is reached
    Given a model that reads "a.txt" and then answers "It says one."
    When the actor "reader" runs for 1 iterations at most
    Then actor.escalated says
      | cause         | actor.invoked  |
      | plan_id       | plan-7         |
      | root_plan_id  | plan-7         |
      | session_id    | s-1            |
      | actor_name    | reader         |
      | actor         | reader         |
      | reason        | max_iterations |
      | limit         | 1 iteration    |
      | iterations    | 1              |
      | input_tokens  | *              |
      | output_tokens | *              |
      | duration_ms   | *              |
    And "actor.completed" is emitted 0 times

  Scenario: The model has nothing more to say
    Given a model that says nothing
    When the actor "reader" runs
    Then actor.errored says
      | cause         | actor.invoked                                                           |
      | plan_id       | plan-7                                                                  |
      | root_plan_id  | plan-7                                                                  |
      | session_id    | s-1                                                                     |
      | actor_name    | reader                                                                  |
      | actor         | reader                                                                  |
      | error         | scenario.json has no reply 1: it was asked more often than was recorded |
      | error_kind    | model                                                                   |
      | cancelled     | false                                                                   |
      | iterations    | 1                                                                       |
      | input_tokens  | *                                                                       |
      | output_tokens | *                                                                       |
      | duration_ms   | *                                                                       |
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
    Then actor.escalated says
      | cause         | actor.invoked    |
      | plan_id       | plan-7           |
      | root_plan_id  | plan-7           |
      | session_id    | s-1              |
      | actor_name    | reader           |
      | actor         | reader           |
      | reason        | max_tool_calls   |
      | limit         | 0 calls of tools |
      | iterations    | 1                |
      | input_tokens  | *                |
      | output_tokens | *                |
      | duration_ms   | *                |
    And "tool.invoked" is emitted 0 times

  Scenario: The time is up
    Given a model that never answers
    When the actor "reader" runs for 10 ms at most
    Then actor.escalated says
      | cause         | actor.invoked |
      | plan_id       | plan-7        |
      | root_plan_id  | plan-7        |
      | session_id    | s-1           |
      | actor_name    | reader        |
      | actor         | reader        |
      | reason        | timeout       |
      | limit         | 0.01 s        |
      | iterations    | 1             |
      | input_tokens  | *             |
      | output_tokens | *             |
      | duration_ms   | *             |
    And "actor.errored" is emitted 0 times

  Scenario: The budget does not pay the next question
    Given a model that reads "a.txt" and then answers "It says one."
    When the actor "reader" runs with a budget of "0" USD
    Then actor.escalated says
      | cause         | actor.invoked         |
      | plan_id       | plan-7                |
      | root_plan_id  | plan-7                |
      | session_id    | s-1                   |
      | actor_name    | reader                |
      | actor         | reader                |
      | reason        | budget                |
      | limit         | 0 USD for plan plan-7 |
      | iterations    | 0                     |
      | input_tokens  | *                     |
      | output_tokens | *                     |
      | duration_ms   | *                     |
      | cost_usd      | 0                     |
    And "budget.exceeded" is caused by "actor.invoked"
    And "tool.invoked" is emitted 0 times

  Scenario: The failure policy ends it
    Given a model that reads "missing.txt" and then answers "It is not there."
    When the actor "reader" runs until 1 calls fail
    Then actor.errored says
      | cause         | actor.invoked           |
      | plan_id       | plan-7                  |
      | root_plan_id  | plan-7                  |
      | session_id    | s-1                     |
      | actor_name    | reader                  |
      | actor         | reader                  |
      | error         | a call of a tool failed |
      | error_kind    | policy                  |
      | cancelled     | false                   |
      | iterations    | 1                       |
      | input_tokens  | *                       |
      | output_tokens | *                       |
      | duration_ms   | *                       |
    And "actor.completed" is emitted 0 times

  Scenario: It is cancelled
    Given a model during whose answer the actor is cancelled
    When the actor "reader" runs
    Then actor.errored says
      | cause         | actor.invoked           |
      | plan_id       | plan-7                  |
      | root_plan_id  | plan-7                  |
      | session_id    | s-1                     |
      | actor_name    | reader                  |
      | actor         | reader                  |
      | error         | the actor was cancelled |
      | error_kind    | cancelled               |
      | cancelled     | true                    |
      | iterations    | 1                       |
      | input_tokens  | *                       |
      | output_tokens | *                       |
      | duration_ms   | *                       |
    And "actor.completed" is emitted 0 times

  Scenario: Who has given up before it begins is asked for nothing
    Given a model that never answers
    When the actor "reader" runs for somebody who has given up
    Then "actor.invoked" is emitted 1 times
    And actor.errored says
      | cause         | actor.invoked           |
      | plan_id       | plan-7                  |
      | root_plan_id  | plan-7                  |
      | session_id    | s-1                     |
      | actor_name    | reader                  |
      | actor         | reader                  |
      | error         | the actor was cancelled |
      | error_kind    | cancelled               |
      | cancelled     | true                    |
      | iterations    | 0                       |
      | input_tokens  | *                       |
      | output_tokens | *                       |
      | duration_ms   | *                       |
    And "actor.completed" is emitted 0 times
    And "actor.escalated" is emitted 0 times

  Scenario: An input that is left out is an empty one
    Given a model that lists files without an input and then answers "There is one."
    When the actor "reader" runs
    Then "tool.completed" is emitted 1 times
    And "tool.invoked" has "input_bytes" being 2
