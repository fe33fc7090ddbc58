Feature: The bus
  Services emit and go on. Whoever subscribes learns what happened: in one order, with every loss told.

  Scenario: All streams see one order
    Given a stream "left" of ""
    And a stream "right" of ""
    When 4 threads emit 50 times session.created each
    Then "left" and "right" yield the same 200 events, in the order of seq

  Scenario: Nobody sees an effect before its cause
    Given a handler "answers" of "session.created" that emits tool.errored
    And a handler "second" of ""
    And a handler "third" of ""
    When session.created is emitted
    Then the handlers heard
      | second | session.created |
      | third  | session.created |
      | second | tool.errored    |
      | third  | tool.errored    |
    And the last event heard was caused by the one before it

  Scenario: A chain without an end is cut
    Given a handler "endless" of "" that emits session.created
    When session.created is emitted
    Then 1 chain was cut after 1001 calls
    And the ledger balances

  Scenario: A handler that panics harms nobody else
    Given a handler "broken" of "" that panics
    And a handler "second" of ""
    And a stream "left" of ""
    When session.created is emitted
    And tool.errored is emitted
    Then the handlers heard
      | second | session.created |
      | second | tool.errored    |
    And "left" yields "session.created, tool.errored"
    And 2 failures were counted
    And the ledger balances

  Scenario: A dropped subscription is gone
    Given a handler "second" of ""
    When session.created is emitted
    And "second" unsubscribes
    And session.created is emitted
    Then the handlers heard
      | second | session.created |
    And nobody observes session.created
    And the ledger balances

  Scenario: A flush waits for async handlers
    Given an async handler "slow" of "" that waits at the gate
    When session.created is emitted
    Then a flush does not end
    When the gate opens
    Then a flush ends

  Scenario: A handler cannot wait for itself
    Given an async handler "flushes" of "" that flushes
    When session.created is emitted
    Then its flush is refused: "cannot flush a bus from within a handler that it would wait for"

  Scenario: A closed bus ends its streams after what was emitted
    Given a stream "left" of ""
    When session.created is emitted
    And the bus is closed
    And tool.errored is emitted
    Then the close was complete
    And "left" yields "session.created"
    And "left" is at its end
    And 1 emission came too late

  Scenario: Closing does not wait for ever
    Given an async handler "hung" of "" that waits at the gate
    When session.created is emitted
    And session.created is emitted
    And the bus is closed
    Then the close names "hung" with 1 event given up
    And the ledger balances

  Scenario: The logging bus needs nobody
    Given a logging bus
    When tool.errored is emitted
    And session.created is emitted
    Then the log says
      | agentbus::tool    | ERROR | tool.errored    |
      | agentbus::session | INFO  | session.created |

  Scenario: Without a bus nothing is even built
    Given no bus
    When a service emits
    Then its details were not built

  Scenario: With a bus that nobody listens to nothing is built either
    When a service emits
    Then its details were not built

  Scenario: What somebody observes is built
    Given a handler "second" of "session.created"
    When a service emits
    Then its details were built
