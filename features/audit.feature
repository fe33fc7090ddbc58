Feature: The index of a journal
  A database beside the journal answers what reading the journal would take long for. Each event is in it once.

  Background:
    Given a journal of an agent's morning

  Scenario: A query asks for what matters
    When the index is asked "plan=mend level>=warn"
    Then it gives "tool.errored, plan.errored"
    When the index is asked "tool.*" for "permission denied"
    Then it gives "tool.errored"
    When the index is asked "under=mend"
    Then it gives "plan.created, tool.invoked, tool.errored, plan.errored"

  Scenario: What is recorded later is asked for later
    Given the index was asked "session.*"
    When a session is recorded
    And the index is asked "session.*"
    Then it gives "session.created, session.created"

  Scenario: The newest come first, page by page
    When the index is asked "", the newest first, 3 at a time
    Then it gives "plan.errored, tool.errored, tool.invoked"
    And there is a next page
    When a session is recorded
    And the next page is asked for
    Then it gives "plan.created, session.created"
    And there is no next page

  Scenario Outline: What is looked for is words and nothing else
    When the index is asked "" for "<text>"
    Then it gives "<kinds>"

    Examples:
      | text                         | kinds        |
      | denied permission            | tool.errored |
      | 'denied permission'          |              |
      | permis*                      | tool.errored |
      | details: ) OR NEAR( -denied^ |              |

  Scenario: A text without a word is refused
    When the index is asked "" for "***"
    Then it is refused: "must have a word"

  Scenario: An export is a table that a spreadsheet can open
    When the index is exported as "csv"
    Then line 1 begins with "position,event_type,category,severity,security"
    And line 2 begins with "1,session.created,session,info,yes"
    And there are 6 lines

  Scenario: An export is JSON lines
    When the index is exported as "jsonl"
    Then line 2 begins with '{"pos":2,"id":'
    And there are 5 lines

  Scenario: Security events stay longer than others
    Given the index was asked ""
    And 40 days passed
    When the index keeps events for 30 days and security events for 400
    Then 3 events went
    When the index is asked ""
    Then it gives "session.created, tool.errored"

  Scenario: A damaged index is named with the way out
    Given the index was asked ""
    And the index is damaged
    When the index is asked ""
    Then it is refused: "audit DIR rebuild"
    When the index is made anew
    And the index is asked "session.*"
    Then it gives "session.created"

  Scenario: What the journal has no more is taken over when the index is made anew
    Given the index was asked ""
    And the first 2 lines of the journal are gone
    When the index is made anew
    Then 2 events were taken over
    When the index is asked "session.*"
    Then it gives "session.created"
