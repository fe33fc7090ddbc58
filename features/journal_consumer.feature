Feature: Consumers of the journal
  A consumer has a name and a cursor on disk. It sees each event at least once, in order, across restarts.

  Background:
    Given a journal of 5 events, each in a segment of its own

  Scenario: What was not acknowledged is given again
    When "indexer" polls 2
    Then it is given "1, 2"
    When "indexer" polls 3
    Then it is given "1, 2, 3"
    When "indexer" acknowledges 2
    And "indexer" polls 2
    Then it is given "3, 4"

  Scenario: The cursor moves after the effect, not before
    When "indexer" polls 5
    And the process restarts
    And "indexer" polls 5
    Then it is given "1, 2, 3, 4, 5"

  Scenario: A cursor outlives the process
    Given "indexer" acknowledged 4
    When the process restarts
    And "indexer" polls 5
    Then it is given "5"

  Scenario: Acknowledging backward is refused, the same position twice is fine
    Given "indexer" acknowledged 3
    When "indexer" acknowledges 2
    Then it is refused: "cannot acknowledge position 2: the cursor is at 3 already"
    When "indexer" acknowledges 3
    Then it is done

  Scenario: A position that there is not yet cannot be acknowledged
    When "indexer" acknowledges 6
    Then it is refused: "cannot acknowledge position 6: the journal ends at 5"

  Scenario: A second opener gets Busy
    Given "indexer" acknowledged 1
    When somebody else opens "indexer"
    Then it is refused: "consumer indexer is open elsewhere"
    When somebody else opens "audit"
    Then it is done

  Scenario Outline: A name is one path component
    When somebody else opens "<name>"
    Then it is refused: "the name of a consumer must"

    Examples:
      | name           |
      |                |
      | ../indexer     |
      | a/b            |
      | indexer.json   |
      | two words      |

  Scenario: A failed event is retried with backoff, those behind it wait
    Given "indexer" acknowledged 1
    When "indexer" fails at 2 with "timed out"
    And "indexer" polls 5
    Then it is given ""
    When 1 second passes
    And "indexer" polls 5
    Then it is given "2, 3, 4, 5"
    When "indexer" fails at 2 with "timed out"
    And 1 second passes
    And "indexer" polls 5
    Then it is given ""
    When 1 second passes
    And "indexer" polls 5
    Then it is given "2, 3, 4, 5"

  Scenario: Only the next event can fail
    Given "indexer" acknowledged 1
    When "indexer" fails at 3 with "timed out"
    Then it is refused: "the next event to acknowledge is 2"

  Scenario: After the last attempt an event goes to the dead letters with the reason
    When "indexer" fails at 1 with "timed out" 4 times
    And the process restarts
    And "indexer" fails at 1 with "gave up"
    And "indexer" polls 5
    Then it is given "2, 3, 4, 5"
    And the dead letters of "indexer" are
      | pos | attempts | reason  |
      | 1   | 5        | gave up |

  Scenario: A reason tells no secret
    When "indexer" fails at 1 with "postgres://app:hunter2@db/main refused" 5 times
    Then the dead letters of "indexer" are
      | pos | attempts | reason                                    |
      | 1   | 5        | postgres://app:[redacted]@db/main refused |

  Scenario: A corrupt cursor names the file and the way out
    Given "indexer" acknowledged 3
    And the process restarts
    And the cursor of "indexer" is damaged
    When somebody else opens "indexer"
    Then it is refused: "cursors/indexer.json is no cursor to go on from"
    And it is refused: "reset_to"
    When "indexer" is reset to after 1
    And "indexer" polls 5
    Then it is given "2, 3, 4, 5"
    When "indexer" acknowledges 4
    Then it is done

  Scenario: A line that cannot be read holds nothing up
    Given the line at 2 is damaged
    When "indexer" polls 5
    Then it is given "1, 3, 4, 5"
    And the line at 2 is told as unreadable

  Scenario: Derived signals are computed at poll time and never acknowledged
    Given a plan that has stood still since now
    When "indexer" polls 5
    Then there is no signal
    When 60 seconds pass
    And "indexer" polls 5
    Then there is the signal "stalled_plans: plan-7"
    When "indexer" acknowledges 5
    And "indexer" polls 5
    Then it is given ""
    And there is the signal "stalled_plans: plan-7"

  Scenario: Retention never removes what a consumer needs
    Given "indexer" acknowledged 2
    And "audit" acknowledged 4
    And 3600 seconds passed
    When garbage older than 60 seconds is collected
    Then segments "3, 4, 5" are left
    And it was kept for "indexer"

  Scenario: A consumer that is silent for longer than seven days is told what it missed
    Given "indexer" acknowledged 2
    And 604801 seconds passed
    When garbage older than 60 seconds is collected
    Then segments "5" are left
    When "indexer" polls 5
    Then it is given "5"
    And lines up to 4 are told as removed

  Scenario: A consumer that comes late is told what it never saw
    Given 60 seconds passed
    And garbage older than 1 second is collected
    When "late" polls 5
    Then it is given "5"
    And lines up to 4 are told as removed
