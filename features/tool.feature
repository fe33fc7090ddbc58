Feature: Tools
  Every call of a tool is checked before, bounded while it runs, and told once when it has ended.

  Background:
    Given a project with "a.txt" holding "one"
    And a sandbox of it for plan "plan-7"
    And the plan "plan-7" was opened

  Scenario: A call succeeds
    When "read_file" is called with {"path": "a.txt"}
    Then tool.invoked says
      | cause        | plan.created             |
      | plan_id      | plan-7                   |
      | root_plan_id | plan-7                   |
      | session_id   | s-1                      |
      | tool         | read_file                |
      | call_id      | call-1                   |
      | input_hash   | hash of {"path":"a.txt"} |
      | input_bytes  | 16                       |
      | read_only    | true                     |
    And tool.completed says
      | cause        | tool.invoked |
      | plan_id      | plan-7       |
      | root_plan_id | plan-7       |
      | session_id   | s-1          |
      | tool         | read_file    |
      | call_id      | call-1       |
      | attempts     | 1            |
      | duration_ms  | *            |
      | output_bytes | 3            |
      | output_hash  | hash of one  |
      | truncated    | false        |

  Scenario: A tool that is not there is refused
    When "fly" is called with {}
    Then tool.errored says
      | cause        | plan.created                                                                                                               |
      | plan_id      | plan-7                                                                                                                     |
      | root_plan_id | plan-7                                                                                                                     |
      | session_id   | s-1                                                                                                                        |
      | tool         | fly                                                                                                                        |
      | call_id      | call-1                                                                                                                     |
      | error        | there is no such tool; there is delete_file, list_files, read_file, replace_in_file, run_command, search_files, write_file |
      | error_kind   | refused                                                                                                                    |
      | attempts     | 0                                                                                                                          |
      | duration_ms  | *                                                                                                                          |
    And "tool.invoked" is emitted 0 times

  Scenario: An input that does not fit is refused
    When "read_file" is called with {"path": 1}
    Then tool.errored says
      | cause        | plan.created |
      | plan_id      | plan-7       |
      | root_plan_id | plan-7       |
      | session_id   | s-1          |
      | tool         | read_file    |
      | call_id      | call-1       |
      | error        | `path` must be of type string, not number  |
      | error_kind   | schema       |
      | attempts     | 0            |
      | duration_ms  | *            |
    And "tool.invoked" is emitted 0 times

  Scenario: A path that leaves the sandbox is refused
    When "read_file" is called with {"path": "../store"}
    Then tool.errored says
      | cause        | tool.invoked                                      |
      | plan_id      | plan-7                                            |
      | root_plan_id | plan-7                                            |
      | session_id   | s-1                                               |
      | tool         | read_file                                         |
      | call_id      | call-1                                            |
      | error        | cannot open ../store: it leads out of the sandbox |
      | error_kind   | refused                                           |
      | attempts     | 1                                                 |
      | duration_ms  | *                                                 |
    And "tool.completed" is emitted 0 times

  Scenario: A call that fails for now is tried again
    Given a tool "flaky" that fails 1 times for now
    When "flaky" is called with {}
    Then tool.retried says
      | cause        | tool.invoked |
      | plan_id      | plan-7       |
      | root_plan_id | plan-7       |
      | session_id   | s-1          |
      | tool         | flaky        |
      | call_id      | call-1       |
      | attempt      | 2            |
      | max_attempts | 3            |
      | error        | not now      |
      | delay_ms     | *            |
    And tool.completed says
      | cause        | tool.invoked |
      | plan_id      | plan-7       |
      | root_plan_id | plan-7       |
      | session_id   | s-1          |
      | tool         | flaky        |
      | call_id      | call-1       |
      | attempts     | 2            |
      | duration_ms  | *            |
      | output_bytes | 4            |
      | output_hash  | hash of done |
      | truncated    | false        |

  Scenario: A call that keeps failing is not tried for ever
    Given a tool "flaky" that fails 9 times for now
    When "flaky" is called with {}
    Then "tool.retried" is emitted 2 times
    And tool.errored says
      | cause        | tool.invoked |
      | plan_id      | plan-7       |
      | root_plan_id | plan-7       |
      | session_id   | s-1          |
      | tool         | flaky        |
      | call_id      | call-1       |
      | error        | not now      |
      | error_kind   | failed       |
      | attempts     | 3            |
      | duration_ms  | *            |

  Scenario: A tool that fails for good is not tried again
    Given a tool "broken" that fails for good
    When "broken" is called with {}
    Then tool.errored says
      | cause        | tool.invoked |
      | plan_id      | plan-7       |
      | root_plan_id | plan-7       |
      | session_id   | s-1          |
      | tool         | broken       |
      | call_id      | call-1       |
      | error        | it is broken |
      | error_kind   | failed       |
      | attempts     | 1            |
      | duration_ms  | *            |
    And "tool.retried" is emitted 0 times
    And "tool.completed" is emitted 0 times

  Scenario: A tool that takes too long is ended
    Given a tool "slow" that hangs
    When "slow" is called with {}
    Then tool.errored says
      | cause        | tool.invoked               |
      | plan_id      | plan-7                     |
      | root_plan_id | plan-7                     |
      | session_id   | s-1                        |
      | tool         | slow                       |
      | call_id      | call-1                     |
      | error        | it took longer than 0.01 s |
      | error_kind   | timeout                    |
      | attempts     | 1                          |
      | duration_ms  | *                          |
    And "tool.completed" is emitted 0 times

  Scenario: A call is cancelled while it runs
    Given a tool "unwanted" whose call is cancelled while it runs
    When "unwanted" is called with {}
    Then tool.errored says
      | cause        | tool.invoked           |
      | plan_id      | plan-7                 |
      | root_plan_id | plan-7                 |
      | session_id   | s-1                    |
      | tool         | unwanted               |
      | call_id      | call-1                 |
      | error        | the call was cancelled |
      | error_kind   | cancelled              |
      | attempts     | 1                      |
      | duration_ms  | *                      |

  Scenario: A call is cancelled before it begins
    When somebody who has given up calls "read_file" with {"path": "a.txt"}
    Then tool.errored says
      | cause        | plan.created           |
      | plan_id      | plan-7                 |
      | root_plan_id | plan-7                 |
      | session_id   | s-1                    |
      | tool         | read_file              |
      | call_id      | call-1                 |
      | error        | the call was cancelled |
      | error_kind   | cancelled              |
      | attempts     | 0                      |
      | duration_ms  | *                      |
    And "tool.invoked" is emitted 0 times

  Scenario: A tool that panics harms nobody
    Given a tool "wild" that panics
    When "wild" is called with {}
    Then tool.errored says
      | cause        | tool.invoked              |
      | plan_id      | plan-7                    |
      | root_plan_id | plan-7                    |
      | session_id   | s-1                       |
      | tool         | wild                      |
      | call_id      | call-1                    |
      | error        | it panicked: at the disco |
      | error_kind   | panicked                  |
      | attempts     | 1                         |
      | duration_ms  | *                         |
    When "read_file" is called with {"path": "a.txt"}
    Then "tool.completed" has "output_bytes" being 3

  Scenario: A long output is cut
    Given a tool "wordy" that says 100000 bytes
    When "wordy" is called with {}
    Then "tool.completed" has "truncated" being true
    And "tool.completed" has "output_bytes" being 100000
    And "tool.completed" is caused by "tool.invoked"

  Scenario: A read-only plan may only look
    Given plan "plan-7" is read-only
    When "read_file" is called with {"path": "a.txt"}
    Then "tool.completed" is emitted 1 times
    And "tool.invoked" has "read_only" being true
    When "delete_file" is called with {"path": "a.txt"}
    Then tool.errored says
      | cause        | plan.created |
      | plan_id      | plan-7       |
      | root_plan_id | plan-7       |
      | session_id   | s-1          |
      | tool         | delete_file  |
      | call_id      | call-2       |
      | error        | plan plan-7 is read-only, and delete_file may change something      |
      | error_kind   | refused      |
      | attempts     | 0            |
      | duration_ms  | *            |
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
