Feature: Filters
  One text says which events, on the command line, in configuration and in code. A bad one is refused with the place
  of its fault.

  Scenario Outline: What a filter lets through
    Given a tool.errored of plan "p", session "s s" and actor "agents/planner"
    Then "<filter>" <answer> it

    Examples:
      | filter                          | answer      |
      |                                 | takes       |
      | tool.errored                    | takes       |
      | tool.*                          | takes       |
      | *.errored                       | takes       |
      | plan.*                          | leaves out  |
      | plan.*,tool.errored             | takes       |
      | tool.* -tool.errored            | leaves out  |
      | -tool.invoked                   | takes       |
      | plan=p                          | takes       |
      | plan=q,p                        | takes       |
      | plan=q                          | leaves out  |
      | -plan=p                         | leaves out  |
      | root=p                          | takes       |
      | session='s s'                   | takes       |
      | actor='agents/planner'          | takes       |
      | actor=agents/planner plan=p     | takes       |
      | actor=agents/planner plan=q     | leaves out  |
      | user=ann                        | leaves out  |
      | level>=warn                     | takes       |
      | level<error                     | leaves out  |
      | category=tool                   | takes       |
      | category=plan,cost              | leaves out  |

  Scenario Outline: A bad filter is refused with the place of its fault
    When the filter "<filter>" is read
    Then it is refused at byte <at>: "<why>"

    Examples:
      | filter             | at | why                      |
      | colour=red         | 0  | unknown key              |
      | plan.* colour=red  | 7  | unknown key              |
      | plan>=p            | 4  | bad operator             |
      | plan               | 4  | bad operator             |
      | level=loud         | 6  | bad value                |
      | category=tools     | 9  | bad value                |
      | plan=              | 5  | empty value              |
      | plan=p,            | 7  | empty value              |
      | plan.* -           | 8  | empty term               |
      | plan='p            | 5  | unclosed quote           |
      | Plan.created       | 0  | bad type glob            |
      | planned            | 0  | bad type                 |

  Scenario Outline: A filter has one canonical text
    When the filter "<filter>" is read
    Then its text is "<text>"

    Examples:
      | filter                            | text                        |
      | plan=q,p  plan.*                  | plan.* plan=p,q             |
      | level>=warn level>=warn           | level>=warn                 |
      | level=warn,error                  | level>=warn                 |
      | *                                 |                             |
