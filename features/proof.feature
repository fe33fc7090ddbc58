Feature: Proof that a journal is as it was written
  Heads, signed with a secret key, tell how far a journal had come. By the public key alone others find what was changed.

  Background:
    Given new keys
    And a journal of 5 events, signed

  Scenario: Keys are for their owner and never written over
    Then the secret key is for its owner alone
    When keys are made in the same place
    Then it is refused: "is not written over"

  Scenario: A key that others may read signs nothing
    Given others may read the secret key
    When 1 event is appended and signed
    Then it is refused: "chmod 600"

  Scenario: Under one key for tags equal secrets have equal tags in all runs
    When a secret is appended by two runs with a key for tags
    Then the tags of both are the same
    When a secret is appended by two runs with no key for tags
    Then the tags of both differ

  Scenario: A journal as it was written is proven
    When it is verified
    Then it is proven
    And it says "proven: 5 lines"
    And it says "newest head: "

  Scenario: Lines behind the newest head are not covered yet
    Given 2 events are appended
    When it is verified
    Then it is proven
    And it says "behind it 2 lines: no head covers them yet"

  Scenario Outline: What is changed is named by position and kind
    Given <change>
    When it is verified
    Then it is not proven
    And it says "<told>"

    Examples:
      | change                            | told                              |
      | line 3 is changed                 | position 3                        |
      | line 3 is changed                 | the line was changed              |
      | line 2 is removed                 | position 2                        |
      | line 2 is removed                 | lines were removed                |
      | lines 2 and 3 are swapped         | lines were swapped or moved       |
      | line 2 is there twice             | a line was added                  |
      | line 3 is changed and all hashed anew | changed or reordered, and the hashes behind them made anew |
      | head 1 is removed                 | the head is missing (head 1)      |
      | head 1 is changed                 | its signature does not fit (head 1) |

  Scenario: A cut is found while the heads are kept
    Given the last line is removed
    When it is verified
    Then it is not proven
    And it says "position 5: lines were removed"

  Scenario: A cut with its heads is found only by a head that was kept elsewhere
    Given the newest head is kept elsewhere
    And the last line is removed
    And all heads but the first are removed
    And the journal is put back to what the first head covers
    When it is verified
    Then it is proven
    When it is verified with the head that was kept
    Then it is not proven
    And it says "the journal was cut"

  Scenario: A line is proven elsewhere, without the others
    When line 4 is proven
    And the proof is checked in an empty directory
    Then it is proven
    And it says "position 4"
    And it does not say "s-3"

  Scenario: An altered proof proves nothing
    When line 4 is proven
    And the event in the proof is changed
    And the proof is checked in an empty directory
    Then it is not proven
    And it says "the line is not the one that was signed"
