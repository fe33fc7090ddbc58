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

  Scenario: A tool that fails for good is not tried again
    Given a tool "broken" that fails for good
    When "broken" is called with {}
    Then "tool.errored" is emitted for plan "plan-7" with "error_kind" being "failed"
    And "tool.errored" has "attempts" being 1
    And "tool.errored" is caused by "tool.invoked"
    And "tool.retried" is emitted 0 times
    And "tool.completed" is emitted 0 times

  Scenario: A tool that takes too long is ended
    Given a tool "slow" that hangs
    When "slow" is called with {}
    Then "tool.errored" is emitted for plan "plan-7" with "error_kind" being "timeout"
    And "tool.errored" is caused by "tool.invoked"
    And "tool.completed" is emitted 0 times

  Scenario: A call is cancelled while it runs
    Given a tool "unwanted" whose call is cancelled while it runs
    When "unwanted" is called with {}
    Then "tool.errored" is emitted for plan "plan-7" with "error_kind" being "cancelled"
    And "tool.errored" has "attempts" being 1
    And "tool.errored" is caused by "tool.invoked"

  Scenario: A call is cancelled before it begins
    When somebody who has given up calls "read_file" with {"path": "a.txt"}
    Then "tool.errored" is emitted for plan "plan-7" with "error_kind" being "cancelled"
    And "tool.errored" has "attempts" being 0
    And "tool.invoked" is emitted 0 times

  Scenario: A tool that panics harms nobody
    Given a tool "wild" that panics
    When "wild" is called with {}
    Then "tool.errored" is emitted for plan "plan-7" with "error_kind" being "panicked"
    And "tool.errored" is caused by "tool.invoked"
    When "read_file" is called with {"path": "a.txt"}
    Then "tool.completed" has "output_bytes" being 3

  Scenario: A long output is cut
    Given a tool "wordy" that says 100000 bytes
    When "wordy" is called with {}
    Then "tool.completed" has "truncated" being true
    And "tool.completed" has "output_bytes" being 100000

  Scenario: A read-only plan may only look
    Given plan "plan-7" is read-only
    When "read_file" is called with {"path": "a.txt"}
    Then "tool.completed" is emitted 1 times
    And "tool.invoked" has "read_only" being true
    When "delete_file" is called with {"path": "a.txt"}
    Then "tool.errored" is emitted for plan "plan-7" with "error_kind" being "refused"
    And it is refused because "plan plan-7 is read-only"
    And "tool.invoked" is emitted 1 times

  Scenario: A tool on the list of those denied is refused
    Given a safety profile that denies "run_*"
    When "run_command" is called with {"command": ["true"]}
    Then "tool.errored" is emitted for plan "plan-7" with "error_kind" being "refused"
    And it is refused because "denied by the safety profile"
    And "tool.invoked" is emitted 0 times

  Scenario: A tool that is not on the list of those allowed is refused
    Given a safety profile that allows "read_*"
    When "delete_file" is called with {"path": "a.txt"}
    Then "tool.errored" is emitted for plan "plan-7" with "error_kind" being "refused"
    And it is refused because "not among those that the safety profile allows"
    And "tool.invoked" is emitted 0 times

  Scenario: A call that nobody approves is refused
    Given a safety profile that asks somebody who says "not today"
    When "read_file" is called with {"path": "a.txt"}
    Then "tool.errored" is emitted for plan "plan-7" with "error_kind" being "refused"
    And it is refused because "not today"
    And "tool.invoked" is emitted 0 times

  Scenario: A plan that has used up its calls is refused
    Given a safety profile that allows 1 calls for each plan
    When "read_file" is called with {"path": "a.txt"}
    And "read_file" is called with {"path": "a.txt"}
    Then "tool.completed" is emitted 1 times
    And "tool.errored" is emitted for plan "plan-7" with "error_kind" being "refused"
    And it is refused because "used up its 1 calls"

  Scenario: A tool whose schema leads elsewhere is not registered, and nothing is told
    When a tool "remote" is registered whose schema refers to "https://example.com/schema"
    Then it is refused because "it refers to something outside of the schema"
    And "tool.errored" is emitted 0 times
