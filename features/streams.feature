Feature: Streams
  A stream yields events in order, and says where it was too slow. Loss is an item, never an error, never the end.

  Scenario: A slow stream is told what it missed, and goes on
    Given a bus whose routes hold 4 events
    And a stream "slow" of ""
    When session.created is emitted 10 times
    Then "slow" yields "missed 6 before 7, 7, 8, 9, 10" by seq
    When session.created is emitted
    Then "slow" yields "11" by seq
    And the ledger balances

  Scenario: What is critical outlives the chatter
    Given a bus whose routes hold 4 events
    And a stream "slow" of ""
    When tool.errored is emitted
    And session.created is emitted 100 times
    Then "slow" yields "1, missed 96 before 98, 98, 99, 100, 101" by seq

  Scenario: Both kinds come merged in their order
    Given a stream "left" of ""
    When session.created is emitted
    And tool.errored is emitted
    And session.created is emitted
    Then "left" yields "1, 2, 3" by seq

  Scenario: The stream of one plan is not overrun by others
    Given a bus whose routes hold 4 events
    And a stream "one" of "plan=one"
    When session.created of plan "one" is emitted
    And session.created of plan "two" is emitted 100 times
    And session.created of plan "one" is emitted
    Then "one" yields "1, 102" by seq

  Scenario: A dropped stream is gone
    Given a stream "left" of ""
    When session.created is emitted
    And the stream "left" is dropped
    Then nobody observes session.created
    And the ledger shows 1 event abandoned
    And the ledger balances

  Scenario: A stream cannot know what an event caused
    When a stream is asked for by "under=01ARZ3NDEKTSV4RRFFQ69G5FAV"
    Then it is refused: "`under` needs history"
    Given a stream "of causes" of "under=01ARZ3NDEKTSV4RRFFQ69G5FAV"
    Then "of causes" is at its end
