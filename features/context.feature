Feature: Contexts
  What a model gets to see within a budget of tokens. A source that fails is missing and named; nothing is left out in silence.

  Scenario: A context is built
    Given these sources
      | source | does    |
      | notes  | answers |
      | talk   | answers |
    And these fragments
      | source | id    | text                | relevance |
      | notes  | style | greet politely      | 0.9       |
      | notes  | tone  | not too loud        | 0.2       |
      | talk   | 1     | how shall we greet? | 0.5       |
    When a context of 400 tokens about "greet" is built for plan "mend" and session "s-1"
    Then exactly this is told
      | event         | cause | plan_id | session_id |
      | context.built | -     | mend    | s-1        |
    And context.built says
      | fragments      | 3   |
      | dropped        | 0   |
      | deduplicated   | 0   |
      | tokens         | 43  |
      | budget         | 400 |
      | sources        | 2   |
      | failed_sources | 0   |
      | duration_ms    | 0   |
    And the context reads
      """
      # Context: 3 of 3 fragments
      - notes style: greet politely
      - notes tone: not too loud
      - talk 1: how shall we greet?
      """

  Scenario: What is built and queried inside a plan is caused by what runs there
    Given these sources
      | source | does    |
      | notes  | answers |
    And the plan "mend" was opened
    When a context of 400 tokens about "greet" is built for plan "mend" and session "s-1"
    Then exactly this is told
      | event         | cause        | plan_id | root_plan_id | session_id |
      | context.built | plan.created | mend    | mend         | s-1        |
    When "greet" is queried
    Then exactly this is told
      | event                  | cause        | plan_id | root_plan_id | session_id |
      | context.query_executed | plan.created | mend    | mend         | s-1        |

  Scenario Outline: What cannot be built is refused
    Given these sources
      | source | does    |
      | notes  | answers |
    When a context of <tokens> tokens about "<query>" is built for plan "<plan>" and session "s-1"
    Then it is refused: "<reason>"
    And nothing is told
    And source "notes" was asked 0 times

    Examples:
      | tokens | query | plan | reason                                                              |
      | 0      | greet | mend | cannot build a context of 0 tokens: its preamble alone may need 80  |
      | 79     | greet | mend | cannot build a context of 79 tokens: its preamble alone may need 80 |
      | 400    |       | mend | cannot look for an empty query                                      |
      | 400    | greet |      | cannot take that plan id                                            |

  Scenario: Without a source nothing is built
    Given these sources
      | source | does |
    When a context of 400 tokens about "greet" is built for plan "mend" and session "s-1"
    Then it is refused: "cannot build a context without a source"
    And nothing is told

  Scenario: A source is queried
    Given these sources
      | source | does    |
      | notes  | answers |
    And these fragments
      | source | id    | text           | relevance |
      | notes  | style | greet politely | 0.9       |
      | notes  | tone  | not too loud   | 0.2       |
    When "the secret way to greet" is queried
    Then it finds "style, tone"
    And exactly this is told
      | event                  | cause |
      | context.query_executed | -     |
    And context.query_executed says
      | source      | notes                                                            |
      | query_hash  | 9b8b1e61fc0673af3611cf55b0122644ccbfcdc9c1af64ab27cec26d9de2b69e |
      | results     | 2                                                                |
      | duration_ms | 0                                                                |

  Scenario Outline: A query that cannot be executed is refused
    Given these sources
      | source | does   |
      | notes  | <does> |
    When "<query>" is queried
    Then it is refused: "<reason>"
    And nothing is told

    Examples:
      | does                 | query | reason                         |
      | answers              |       | cannot look for an empty query |
      | fails: the lamp died | greet | cannot search notes            |
      | hangs                | greet | cannot search notes            |

  Scenario: A source that takes too long is missing
    Given these sources
      | source | does    |
      | slow   | hangs   |
      | notes  | answers |
    And these fragments
      | source | id    | text           | relevance |
      | notes  | style | greet politely | 0.9       |
    And a source may take 2 seconds
    When a context of 400 tokens about "greet" is built for plan "mend" and session "s-1"
    Then exactly this is told
      | event         | fragments | sources | failed_sources | duration_ms |
      | context.built | 1         | 2       | 1              | 2000        |
    And source "slow" failed: "it took longer than 2 s"
    And the context reads
      """
      # Context: 1 of 1 fragments
      No answer from: slow.
      - notes style: greet politely
      """

  Scenario Outline: A source that cannot say is missing
    Given these sources
      | source | does   |
      | torn   | <does> |
    When a context of 400 tokens about "greet" is built for plan "mend" and session "s-1"
    Then exactly this is told
      | event         | fragments | sources | failed_sources |
      | context.built | 0         | 1       | 1              |
    And source "torn" failed: "<reason>"

    Examples:
      | does                                        | reason                            |
      | fails: the lamp died                        | it failed: the lamp died          |
      | panics: a page fell out                     | it panicked: a page fell out      |
      | refuses: no such plan                       | it refused: no such plan          |
      | fails: no sk-live-51H8xQ2eZvKYlo2C in there | it failed: no [redacted] in there |

  Scenario: A source that fails too often is left alone, tried again, and asked again when it works
    Given these sources
      | source | does                 |
      | torn   | fails: the lamp died |
    And a source is left alone for 30 seconds after 2 failures
    When a context of 400 tokens about "greet" is built for plan "mend" and session "s-1"
    And a context of 400 tokens about "greet" is built for plan "mend" and session "s-1"
    Then source "torn" was asked 2 times
    When a context of 400 tokens about "greet" is built for plan "mend" and session "s-1"
    Then exactly this is told
      | event         | sources | failed_sources |
      | context.built | 1       | 1              |
    And source "torn" failed: "it failed too often and is left alone for another 30 s"
    And source "torn" was asked 2 times
    When 30 seconds pass
    And a context of 400 tokens about "greet" is built for plan "mend" and session "s-1"
    Then source "torn" failed: "it failed: the lamp died"
    And source "torn" was asked 3 times
    When a context of 400 tokens about "greet" is built for plan "mend" and session "s-1"
    Then source "torn" failed: "it failed too often and is left alone for another 30 s"
    When 30 seconds pass
    And source "torn" answers from now on
    And a context of 400 tokens about "greet" is built for plan "mend" and session "s-1"
    Then exactly this is told
      | event         | sources | failed_sources |
      | context.built | 1       | 0              |
    And source "torn" was asked 4 times

  Scenario: What is there twice is shown once
    Given these sources
      | source | does    |
      | notes  | answers |
      | talk   | answers |
    And these fragments
      | source | id    | text           | relevance |
      | notes  | style | greet politely | 0.2       |
      | talk   | 1     | greet politely | 0.9       |
    When a context of 400 tokens about "greet" is built for plan "mend" and session "s-1"
    Then exactly this is told
      | event         | fragments | dropped | deduplicated |
      | context.built | 1         | 0       | 1            |
    And the context reads
      """
      # Context: 1 of 1 fragments
      There twice: 1.
      - talk 1: greet politely
      """

  Scenario: What has no room is shown shorter, or not at all
    Given these sources
      | source | does    |
      | notes  | answers |
    And these fragments
      | source | id    | text      | outline         | line | relevance |
      | notes  | long  | 400 words | an outline of 5 | long | 0.9       |
      | notes  | tall  | 401 words | -               | tall | 0.8       |
      | notes  | broad | 402 words | -               | -    | 0.7       |
    When a context of 130 tokens about "greet" is built for plan "mend" and session "s-1"
    Then exactly this is told
      | event         | fragments | dropped | budget |
      | context.built | 2         | 1       | 130    |
    And the context reads
      """
      # Context: 2 of 3 fragments
      Left out, for want of room: notes 1.
      - notes long: an outline of 5
      - notes tall: tall
      """

  Scenario: Secrets are masked, also one that begins in a fragment and ends in the next
    Given these sources
      | source | does    |
      | talk   | answers |
    And these fragments
      | source | id | text                               | relevance |
      | talk   | 1  | my key is sk-live-51H8xQ2eZvKYlo2C | 0.9       |
      | talk   | 2  | . the other is sk-live-99H8        | 0.5       |
      | talk   | 3  | xQ2eZvKYlo2D, keep it              | 0.5       |
    When a context of 400 tokens about "greet" is built for plan "mend" and session "s-1"
    Then the context reads
      """
      # Context: 3 of 3 fragments
      - talk 1: my key is [redacted]
      - talk 2: . the other is [redacted]
      - talk 3: [redacted], keep it
      """
