Feature: Telemetry of a bus
  What happens is counted and timed in intervals, which the journal keeps; a report puts them together.

  Background:
    Given a bus with a journal, and telemetry that tells every minute

  Scenario: Calls of tools are counted by name, with percentiles over all intervals
    When the tool "read_file" is called 90 times for 10 ms
    And a minute passes
    And the tool "read_file" is called 10 times for 500 ms
    And telemetry is closed
    Then the journal holds 2 intervals
    And the report tells of tool "read_file"
      | count | 100 |
      | p50   | 10  |
      | p90   | 10  |
      | p99   | 500 |
      | max   | 500 |

  Scenario: An interval in which nothing happened is not told
    When the tool "read_file" is called 1 times for 10 ms
    And a minute passes
    And a minute passes
    And a minute passes
    Then the journal holds 1 intervals

  Scenario: What failed and what was tried again is counted
    When the tool "write_file" is tried again and fails
    And telemetry is closed
    Then the report tells of tool "write_file"
      | began   | 1 |
      | count   | 1 |
      | failed  | 1 |
      | retried | 1 |

  Scenario: Tokens and cost are those of the actors, however they ended
    When the actor "agents/mender" completes with 100 tokens read, 20 written, for 0.25 USD
    And the actor "agents/mender" fails with 50 tokens read, 0 written, for 0.1 USD
    And telemetry is closed
    Then the report tells of actor "agents/mender"
      | count         | 2    |
      | failed        | 1    |
      | input_tokens  | 150  |
      | output_tokens | 20   |
      | cost          | 0.35 |

  Scenario: Plans are timed by phase
    When a plan spends 200 ms in action and 3000 ms in execute
    And telemetry is closed
    Then the report tells of phase "action"
      | count | 1   |
      | max   | 200 |
    And the report tells of phase "execute"
      | count | 1    |
      | max   | 3000 |

  Scenario: Validations are counted as runs, and by name where they say no
    When the validation "style" says no after 40 ms
    And telemetry is closed
    Then the report tells of validation "run"
      | began  | 1  |
      | failed | 1  |
      | max    | 40 |
    And the report tells of check "style"
      | failed | 1 |

  Scenario: What was missed is told
    When 100000 events come at once, more than it can hold
    And telemetry is closed
    Then the report tells that some were missed, and that all others were counted: 100000

  Scenario: An interval that nobody could have counted does not count
    When the tool "read_file" is called 1 times for 10 ms
    And somebody writes an interval of -1 calls
    And telemetry is closed
    Then the report tells of tool "read_file"
      | count | 1 |
    And it refuses the interval at position 2: "not those of an interval"

  Scenario: The report begins with the interval that is asked for
    When the tool "read_file" is called 1 times for 10 ms
    And telemetry is closed
    Then the report since tomorrow tells nothing
