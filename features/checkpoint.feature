Feature: Checkpoints of agent sessions
  What an agent saves so that it, or its successor, can go on.

  Background:
    Given an empty folder of checkpoints

  Scenario: An agent saves a checkpoint
    When "agents/planner" saves a checkpoint of the session "s-1"
    Then it is told "session_checkpoint.created" of the session "s-1"
    And the last checkpoint is "active"
    And the last checkpoint has the mode 600

  Scenario: A checkpoint is read as it was saved
    Given "agents/planner" saved a checkpoint of the session "s-1"
    When it is read
    Then it is of the session "s-1", by "agents/planner", on the shipment "ship-s-1"
    And nothing is told
    When "checkpoint-another.json" is read
    Then it is refused as "not_found": '`list` tells what there is'

  Scenario: Checkpoints of one second have names of their own
    When "agents/planner" saves 20 checkpoints of the session "s-1" in one second
    Then 20 checkpoints are listed
    And it was told 20 times

  Scenario Outline: What is no checkpoint is refused, and nothing is saved
    When this is to be saved: <json>
    Then it is refused as "<kind>": <reason>
    And nothing is told
    And the folder holds no checkpoint

    Examples:
      | json                                                                                    | kind           | reason                                                                          |
      | '{"agent":"a","session_id":"s","phase":"p","shoe":1,"progress":{"hat":2}}'              | invalid        | '"progress.hat" is unknown; "shoe" is unknown'                                  |
      | '{"agent":"a","agent":"b","session_id":"s","phase":"p"}'                                | invalid        | '"agent" stands there more than once'                                           |
      | '{"agent":"a","session_id":"s","ſession_id":"t","phase":"p"}'                      | invalid        | 'by case alone'                                                                 |
      | '{"agent":"a","session_id":"s","phase":"p","context":{"x":[{"straße":1,"STRASSE":2}]}}' | invalid        | '"context.x.STRASSE" differs from "context.x.stra'                              |
      | '{"agent":"a","session_id":"s","phase":"p","disposition":"abandoned","reason":"r"}'     | invalid        | '"disposition" is filled in by the store alone'                                 |
      | '{"agent":"a","session_id":"s","phase":"p","status":"resolved"}'                        | invalid        | '"status" is filled in by the store alone'                                      |
      | '{"agent":"a","session_id":"s"'                                                         | corrupt        | 'it is no JSON at line 1, column 29'                                            |
      | '{"agent":"a","session_id":"s","phase":"p","context":{"password":"hunter22"}}'          | secret         | 'holds what looks like a secret'                                                |
      | '{"schema_version":2,"agent":"a","session_id":"s","phase":"p"}'                         | not_conforming | 'it has schema_version 2, this version reads 1'                                 |

  Scenario: More than 64 KiB are refused
    When a checkpoint of 65537 bytes is to be saved
    Then it is refused as "too_large": 'more than 65536 bytes'

  Scenario: Only agents that are allowed save checkpoints, where that was said
    Given only "agents/planner" is allowed
    When "agents/other" saves a checkpoint of the session "s-1"
    Then it is refused as "not_conforming": 'its agent is none of those that are allowed here'
    When "agents/planner" saves a checkpoint of the session "s-1"
    Then it is told "session_checkpoint.created" of the session "s-1"

  Scenario: The newest are listed first, and a filter chooses
    Given "agents/planner" saved a checkpoint of the session "s-1"
    And 3 hours passed
    And "agents/coder" saved a checkpoint of the session "s-2"
    When all are listed
    Then these sessions are listed: "s-2, s-1"
    When those of the agent "agents/planner" are listed
    Then these sessions are listed: "s-1"
    When those of the last 2 hours are listed
    Then these sessions are listed: "s-2"
    When those on the shipment "ship-s-1" are listed
    Then these sessions are listed: "s-1"
    When those on the feature "feature-s-2" are listed
    Then these sessions are listed: "s-2"

  Scenario: What cannot be used is listed whatever was asked for
    Given "agents/planner" saved a checkpoint of the session "s-1"
    And the file "checkpoint-broken.json" holds 'no json'
    And the file "checkpoint-shoe.json" holds '{"shoe":1}'
    When those of the agent "agents/nobody" are listed
    Then these sessions are listed: ""
    And these cannot be used: "checkpoint-broken.json corrupt, checkpoint-shoe.json invalid"
    And nothing has changed on disk

  Scenario: A checkpoint is resolved once
    Given "agents/planner" saved a checkpoint of the session "s-1"
    When it is resolved
    Then it is told "session_checkpoint.resolved" of the session "s-1"
    And the last checkpoint is "resolved"
    When it is resolved
    Then nothing has changed on disk
    And nothing is told

  Scenario: What is malformed is not resolved, and stays as it is
    Given the file "checkpoint-broken.json" holds 'no json'
    When "checkpoint-broken.json" is resolved
    Then it is refused as "corrupt": 'it is no JSON'
    And nothing has changed on disk
    And nothing is told

  Scenario: A checkpoint is abandoned once, and the first reason stays
    Given "agents/planner" saved a checkpoint of the session "s-1"
    When it is abandoned for "the customer left" by "kim"
    Then it is told "session_checkpoint.abandoned" of the session "s-1"
    And the last checkpoint is "abandoned"
    When it is abandoned for "another reason" by "lee"
    Then it was abandoned for "the customer left" by "kim"
    And nothing has changed on disk
    And nothing is told
    When it is resolved
    Then it is refused as "not_conforming": 'it is abandoned, and only an active one can be changed so'

  Scenario: What is resolved is not abandoned
    Given "agents/planner" saved a checkpoint of the session "s-1"
    And it was resolved
    When it is abandoned for "too late" by "kim"
    Then it is refused as "not_conforming": 'it is resolved, and only an active one can be changed so'

  Scenario: What is malformed is put in quarantine, byte for byte
    Given the file "checkpoint-broken.json" holds 'no json'
    When "checkpoint-broken.json" is put in quarantine for "it came from a broken disk" by "kim"
    Then it is told "session_checkpoint.quarantined"
    And the file "quarantine/checkpoint-broken.json" holds exactly 'no json'
    And the record beside it says "corrupt", "it came from a broken disk", "kim"
    And nothing is listed

  Scenario: What is sound is not put in quarantine
    Given "agents/planner" saved a checkpoint of the session "s-1"
    When it is put in quarantine for "no reason" by "kim"
    Then it is refused as "not_conforming": 'it is a sound checkpoint'
    And nothing is told

  Scenario: What is in quarantine is not written over
    Given the file "quarantine/checkpoint-broken.json" holds 'the first'
    And the file "checkpoint-broken.json" holds 'the second'
    When "checkpoint-broken.json" is put in quarantine for "again" by "kim"
    Then it is refused as "unsafe_target": 'something is there already'
    And the file "quarantine/checkpoint-broken.json" holds exactly 'the first'
    And nothing is told

  Scenario: What nobody will ask for is archived
    Given "agents/planner" saved a checkpoint of the session "stale"
    And "agents/planner" saved a checkpoint of the session "left"
    And it was abandoned
    And 30 hours passed
    And "agents/planner" saved a checkpoint of the session "fresh"
    And the file "checkpoint-broken.json" holds 'no json'
    When what is older than 24 hours is cleaned up
    Then 1 was archived, 2 were skipped, 1 is an error
    And it is told "session_checkpoint.archived" of the session "stale"
    And these sessions are listed: "fresh, left"

  Scenario: Nothing in the archive is written over
    Given "agents/planner" saved a checkpoint of the session "s-1"
    And it was resolved
    And its place in the archive holds 'something'
    When what is older than 0 hours is cleaned up
    Then 0 were archived, 0 were skipped, 1 is an error
    And nothing has changed on disk
    And nothing is told

  Scenario: A successor goes on from the newest active checkpoint
    Given the events are recorded in a journal
    And "agents/planner" saved a checkpoint of the session "s-1"
    And the session "s-1" went on
    And 1 hours passed
    And "agents/planner" saved a checkpoint of the session "s-1"
    And the session "s-1" went on
    And the session "s-2" went on
    When the session "s-1" is resumed
    Then it goes on from the checkpoint saved last
    And since then there was "session_checkpoint.created, session.created"
    When the session "s-3" is resumed
    Then it is refused as "not_found": 'there is no active checkpoint of the session "s-3"'

  Scenario: Where no position is known, the time tells what came since
    Given the events are recorded in a journal
    And the store knows no journal
    And the session "s-1" went on
    And 1 hours passed
    And "agents/planner" saved a checkpoint of the session "s-1"
    And 1 hours passed
    And the session "s-1" went on
    When the session "s-1" is resumed with the journal
    Then since then there was "session_checkpoint.created, session.created"

  Scenario: Beside another journal the time tells what came since
    Given the events are recorded in a journal
    And "agents/planner" saved a checkpoint of the session "s-1"
    And another journal is in its place
    And 1 hours passed
    And the session "s-1" went on
    When the session "s-1" is resumed with the journal
    Then since then there was "session.created", by the time

  Scenario Outline: A name that leads out is refused
    When "<name>" is resolved
    Then it is refused as "unsafe_target": 'checkpoint-*.json'

    Examples:
      | name                       |
      | ../checkpoint-x.json       |
      | /tmp/checkpoint-x.json     |
      | ..                         |
      | archive/checkpoint-x.json  |
      | notes.json                 |
