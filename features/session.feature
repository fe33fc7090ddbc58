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

  Scenario: A session without a title has none
    When an untitled session is created by "planner"
    Then session.created says
      | imported | false |

  Scenario: A session that a plan opens is told in the plan, and caused by what runs there
    Given the plan "mend" was opened
    When session "greeter" is created by "planner" inside the plan
    Then exactly this is told
      | event           | cause        | session_id | plan_id | root_plan_id |
      | session.created | plan.created | greeter    | mend    | mend         |
    When user says "hello" in "greeter" inside the plan
    Then exactly this is told
      | event                | cause        | session_id | plan_id | root_plan_id |
      | session.message_sent | plan.created | greeter    | mend    | mend         |

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

  Scenario: A closed session is linked to no plan
    Given session "greeter"
    And "greeter" is closed
    When "greeter" is linked to plan "mend"
    Then it is refused: "cannot link session"
    And nothing is told

  Scenario: A session is closed silently, and a second time too
    Given session "greeter"
    When "greeter" closes
    Then it is done
    And nothing is told
    When "greeter" closes
    Then it is done
    And nothing is told

  Scenario Outline: A session that nobody knows is refused
    When <act>
    Then it is refused: "no session nobody"
    And nothing is told

    Examples:
      | act                                |
      | user says "hello" in "nobody"      |
      | "nobody" is linked to plan "mend"  |
      | "nobody" closes                    |
      | "nobody" is exported               |

  Scenario: A message answers a call that has a name
    Given session "greeter"
    When tool answers call "" with "done" in "greeter"
    Then it is refused: "cannot take that tool call id"
    And nothing is told
    When tool answers call "call-1" with "done" in "greeter"
    Then exactly this is told
      | event                | sequence | role |
      | session.message_sent | 1        | tool |

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

  Scenario Outline: What is not an export is refused
    Given session "greeter"
    And user said "hello" in "greeter"
    And "greeter" was exported
    And "<from>" in the export was changed to "<to>"
    When the export is imported elsewhere
    Then it is refused: "<reason>"
    And nothing is told

    Examples:
      | from                            | to                                    | reason                                      |
      | {'format'                     | 'format'                          | it does not have the form of one at line 1  |
      | agentbus.session                | other.session                         | its format is not agentbus.session          |
      | 'schema_version':1,           | 'schema_version':1,'more':true,   | it does not have the form of one at line 1  |
      | 'sequence':1                  | 'sequence':2                        | its content has checksum                    |
      | planner                         | somebody                              | its content has checksum                    |

  Scenario: An export with a message that is too long for the service is refused
    Given session "greeter"
    And user said "hello" in "greeter"
    And "greeter" was exported
    And elsewhere a message has at most 4 bytes
    When the export is imported elsewhere
    Then it is refused: "cannot take message 1 of the export: it has 5 bytes, and may have 4"
    And nothing is told

  Scenario: An export of a closed session comes back closed
    Given session "greeter"
    And user said "hello" in "greeter"
    And "greeter" is closed
    And "greeter" was exported
    When the export is imported elsewhere
    Then it is done
    When user says "late" in "greeter" elsewhere
    Then it is refused: "cannot append to session"
    And nothing is told

  Scenario: What was imported goes on with the next number, caused by its import
    Given session "greeter"
    And user said "hello" in "greeter"
    And "greeter" was exported
    And the export is imported elsewhere
    When assistant says "good day" in "greeter" elsewhere
    Then exactly this is told
      | event                | cause           | session_id | sequence |
      | session.message_sent | session.created | greeter    | 2        |

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
