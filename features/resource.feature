Feature: Resources
  A plan works on named things. What is read of them and changed in them is told, whoever changes it.

  Background:
    Given a folder "notes" with "a.txt" holding "one"
    And the plan "mend" was opened

  Rule: What is read is told

    Scenario: A file is read
      When "a.txt" is read
      Then it is done
      And resource.accessed says
        | cause        | plan.created |
        | plan_id      | mend         |
        | root_plan_id | mend         |
        | session_id   | s-1          |
        | resource     | notes        |
        | operation    | read         |
        | bytes        | 3            |

    Scenario: A folder is listed, and a file is looked at
      When the folder is listed
      Then resource.accessed says
        | cause        | plan.created |
        | plan_id      | mend         |
        | root_plan_id | mend         |
        | session_id   | s-1          |
        | resource     | notes        |
        | operation    | list         |
        | bytes        | 0            |
      When "a.txt" is looked at
      Then resource.accessed says
        | cause        | plan.created |
        | plan_id      | mend         |
        | root_plan_id | mend         |
        | session_id   | s-1          |
        | resource     | notes        |
        | operation    | stat         |
        | bytes        | 0            |

    Scenario Outline: What cannot be read is refused
      When "<path>" is read
      Then it is refused: "<reason>"
      And nothing is told

      Examples:
        | path     | reason                        |
        | none.txt | cannot read none.txt in notes |
        | ../x     | cannot read ../x in notes     |
        | /etc     | cannot read /etc in notes     |

  Rule: What is changed is told with who changed it

    Scenario: A file is created
      When "b/c.txt" is written as "two"
      Then it is done
      And resource.modified says
        | cause        | plan.created |
        | plan_id      | mend         |
        | root_plan_id | mend         |
        | session_id   | s-1          |
        | resource     | notes        |
        | path         | b/c.txt      |
        | change       | created      |
        | source       | service      |
        | bytes        | 3            |

    Scenario: A tool modifies a file
      When a tool writes "a.txt" as "three"
      Then resource.modified says
        | cause        | plan.created |
        | plan_id      | mend         |
        | root_plan_id | mend         |
        | session_id   | s-1          |
        | resource     | notes        |
        | path         | a.txt        |
        | change       | modified     |
        | source       | tool         |
        | bytes        | 5            |

    Scenario: A file is moved and deleted
      When "a.txt" is moved to "b.txt"
      Then resource.modified says
        | cause        | plan.created |
        | plan_id      | mend         |
        | root_plan_id | mend         |
        | session_id   | s-1          |
        | resource     | notes        |
        | path         | b.txt        |
        | change       | moved        |
        | source       | service      |
        | from_path    | a.txt        |
        | bytes        | 3            |
      When "b.txt" is deleted
      Then resource.modified says
        | cause        | plan.created |
        | plan_id      | mend         |
        | root_plan_id | mend         |
        | session_id   | s-1          |
        | resource     | notes        |
        | path         | b.txt        |
        | change       | deleted      |
        | source       | service      |

    Scenario Outline: What cannot be changed is refused
      When "<path>" is written as "x"
      Then it is refused: "cannot write <path> in notes"
      And nothing is told

      Examples:
        | path    |
        | ../x    |
        | a.txt/x |

    Scenario: A repository at a revision is not changed
      Given "notes" is a repository instead
      When "a.txt" is deleted
      Then it is refused: "it can only be read"
      And nothing is told

    Scenario: A link out of the folder is not written through
      Given a link "out" that leads out of the folder
      When "out" is written as "x"
      Then it is refused: "cannot write out in notes"
      And nothing is told

  Rule: What others change is told by the watcher

    Background:
      Given the folder is watched

    Scenario: Somebody creates, modifies, moves and deletes a file
      When somebody writes "b.txt" as "two"
      Then exactly this is told
        | event             | cause        | plan_id | root_plan_id | session_id | path  | change  | source  | from_path | bytes |
        | resource.modified | plan.created | mend    | mend         | s-1        | b.txt | created | watcher | -         | 3     |
      When somebody writes "b.txt" as "three"
      Then exactly this is told
        | event             | cause        | plan_id | root_plan_id | session_id | path  | change   | source  | from_path | bytes |
        | resource.modified | plan.created | mend    | mend         | s-1        | b.txt | modified | watcher | -         | 5     |
      When somebody moves "b.txt" to "c.txt"
      Then exactly this is told
        | event             | cause        | plan_id | root_plan_id | session_id | path  | change | source  | from_path | bytes |
        | resource.modified | plan.created | mend    | mend         | s-1        | c.txt | moved  | watcher | b.txt     | 5     |
      When somebody deletes "c.txt"
      Then exactly this is told
        | event             | cause        | plan_id | root_plan_id | session_id | path  | change  | source  | from_path | bytes |
        | resource.modified | plan.created | mend    | mend         | s-1        | c.txt | deleted | watcher | -         | -     |

    Scenario: What the service writes is told once
      When "a.txt" is written as "two"
      Then exactly this is told
        | event             | cause        | plan_id | root_plan_id | session_id | path  | change   | source  |
        | resource.modified | plan.created | mend    | mend         | s-1        | a.txt | modified | service |

    Scenario: Of what is ignored nothing is told
      When somebody writes ".hidden" as "x"
      Then nothing is told

    Scenario: It is not watched twice
      When the folder is watched once more
      Then it is refused: "cannot watch notes twice"
      And nothing is told

  Rule: An index is told in numbers

    Scenario: The first index finds everything, the next what has changed
      When the folder is indexed
      Then exactly this is told
        | event            | cause        | plan_id | root_plan_id | session_id | resource | files | added | changed | removed | bytes | incremental |
        | resource.indexed | plan.created | mend    | mend         | s-1        | notes    | 1     | 1     | 0       | 0       | 3     | false       |
      And resource.indexed says
        | resource    | notes |
        | files       | 1     |
        | added       | 1     |
        | changed     | 0     |
        | removed     | 0     |
        | bytes       | 3     |
        | duration_ms | *     |
        | incremental | false |
      When somebody writes "a.txt" as "three"
      And somebody writes "b.txt" as "b"
      And the folder is indexed
      Then exactly this is told
        | event            | cause        | plan_id | root_plan_id | session_id | resource | files | added | changed | removed | bytes | incremental |
        | resource.indexed | plan.created | mend    | mend         | s-1        | notes    | 2     | 1     | 1       | 0       | 6     | true        |

    Scenario: What is not registered is not indexed
      Given the folder is forgotten
      When the folder is indexed
      Then it is refused: "no resource is registered as notes"
      And nothing is told
