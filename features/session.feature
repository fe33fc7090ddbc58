Feature: Sessions
  Conversations. Events tell how much was said, never what.

  Scenario: A session is created
    When session "greeter" is created by "planner"
    Then exactly this is told
      | event           | cause | session_id | actor_name | plan_id |
      | session.created | -     | greeter    | planner    | -       |
    And session.created says
      | title    | greeter |
      | imported | false   |

  Scenario: A session without an actor is refused
    When session "greeter" is created by ""
    Then it is refused: "cannot take that actor"
    And nothing is told

  Scenario: A message is told by its size and its hash
    Given session "greeter"
    When user says "hello" in "greeter"
    Then exactly this is told
      | event                | cause           | session_id | actor_name |
      | session.message_sent | session.created | greeter    | planner    |
    And session.message_sent says
      | message_id   | the message                                                      |
      | sequence     | 1                                                                |
      | role         | user                                                             |
      | bytes        | 5                                                                |
      | tokens       | 2                                                                |
      | content_hash | ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f |

  Scenario Outline: Messages are numbered, whoever speaks
    Given session "greeter"
    And user said "hello" in "greeter"
    When <role> says "hello" in "greeter"
    Then exactly this is told
      | event                | cause           | sequence | role   |
      | session.message_sent | session.created | 2        | <role> |

    Examples:
      | role      |
      | user      |
      | assistant |
      | system    |
      | tool      |

  Scenario: A closed session takes no messages
    Given session "greeter"
    And "greeter" is closed
    When user says "late" in "greeter"
    Then it is refused: "cannot append to session"
    And nothing is told

  Scenario: A message above the size limit is refused whole
    Given session "greeter"
    When user says 1048577 bytes in "greeter"
    Then it is refused: "a message has at most 1048576"
    And nothing is told
    When user says 1048576 bytes in "greeter"
    Then exactly this is told
      | event                | sequence | bytes   | tokens |
      | session.message_sent | 1        | 1048576 | 262144 |

  Scenario: Messages are read page by page
    Given session "greeter"
    And user said "one" in "greeter"
    And assistant said "two" in "greeter"
    And user said "three" in "greeter"
    Then pages of 2 of "greeter" are "one, two; three"

  Scenario: A plan is linked, silently
    Given session "greeter"
    When "greeter" is linked to plan "mend"
    Then it is done
    And nothing is told

  Scenario: An export comes back elsewhere as it was
    Given session "greeter"
    And user said "hello" in "greeter"
    And "greeter" was exported
    When the export is imported elsewhere
    Then exactly this is told
      | event           | cause | session_id | actor_name | title   | imported |
      | session.created | -     | greeter    | planner    | greeter | true     |
    And elsewhere "greeter" has 1 message

  Scenario: An export whose content was changed is refused
    Given session "greeter"
    And user said "hello" in "greeter"
    And "greeter" was exported
    And "hello" in the export was changed to "adieu"
    When the export is imported elsewhere
    Then it is refused: "cannot take the export: its content has checksum"
    And nothing is told

  Scenario: An export of another schema version is refused
    Given session "greeter"
    And "greeter" was exported
    And "\"schema_version\":1" in the export was changed to "\"schema_version\":9"
    When the export is imported elsewhere
    Then it is refused: "it has schema version 9, this build reads 1"
    And nothing is told

  Scenario: A session that is there is not imported again
    Given session "greeter"
    And "greeter" was exported
    When the export is imported
    Then it is refused: "there is one already"
    And nothing is told

  Scenario: Sessions go on from a snapshot with all that was said
    Given session "greeter"
    And user said "hello" in "greeter"
    When the sessions go on from a snapshot
    Then nothing is told
    And pages of 10 of "greeter" are "hello"
    When assistant says "good day" in "greeter"
    Then exactly this is told
      | event                | cause           | session_id | sequence |
      | session.message_sent | session.created | greeter    | 2        |

  Scenario: A snapshot that was changed is refused
    Given session "greeter"
    And user said "hello" in "greeter"
    When the sessions go on from a snapshot in which "\"sequence\":1" is "\"sequence\":2"
    Then it is refused: "has no good message 1: it is numbered 2"
    And pages of 10 of "greeter" are "hello"
