Feature: Tools
  Every call of a tool is checked before, bounded while it runs, and told once when it has ended.

  Background:
    Given a project with "a.txt" holding "one"
    And a sandbox of it for plan "plan-7"

  Scenario: A call succeeds
    When "read_file" is called with {"path": "a.txt"}
    Then "tool.invoked" is emitted for plan "plan-7" with "tool" being "read_file"
    And "tool.completed" is emitted for plan "plan-7" with "output_bytes" being 3
    And "tool.completed" is caused by "tool.invoked"

  Scenario: A tool that is not there is refused
    When "fly" is called with {}
    Then "tool.errored" is emitted for plan "plan-7" with "error_kind" being "refused"
    And "tool.errored" has "attempts" being 0
    And "tool.invoked" is emitted 0 times

  Scenario: An input that does not fit is refused
    When "read_file" is called with {"path": 1}
    Then "tool.errored" is emitted for plan "plan-7" with "error_kind" being "schema"
    And "tool.invoked" is emitted 0 times

  Scenario: A path that leaves the sandbox is refused
    When "read_file" is called with {"path": "../store"}
    Then "tool.errored" is emitted for plan "plan-7" with "error_kind" being "refused"
    And "tool.errored" is caused by "tool.invoked"
    And "tool.completed" is emitted 0 times

  Scenario: A call that fails for now is tried again
    Given a tool "flaky" that fails 1 times for now
    When "flaky" is called with {}
    Then "tool.retried" is emitted for plan "plan-7" with "attempt" being 2
    And "tool.retried" is caused by "tool.invoked"
    And "tool.completed" has "attempts" being 2

  Scenario: A call that keeps failing is not tried for ever
    Given a tool "flaky" that fails 9 times for now
    When "flaky" is called with {}
    Then "tool.retried" is emitted 2 times
    And "tool.errored" has "attempts" being 3
