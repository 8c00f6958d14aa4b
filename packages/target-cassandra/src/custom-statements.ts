import { type FailureOutcome, permanent, transient, type WalRecord } from '@daybook/core'
import type { CassandraStatement } from './cassandra-client.ts'
import type { CassandraSettings, StatementFunction } from './cassandra-options.ts'
import { bytesOf } from './param.ts'
import { type ParsedStatement, parseStatement } from './parse-statement.ts'
import type { TableName } from './table-name.ts'
import { type Column, findTable, isGrowingList, isSetOrMap, readTable } from './table-shape.ts'
import type { WorkOrFailure } from './work.ts'

/** A statement that has been looked at: how to send it, or why not. */
type Verdict =
  | { readonly query: string; readonly marksBefore: number | undefined }
  | { readonly refusal: string }

/** Statements that are remembered; a function that writes values into them would fill any memory. */
const mostRemembered = 1_000

/** Functions with another answer each time. */
const changing: ReadonlySet<string> = new Set([
  'now',
  'uuid',
  ...['currenttimestamp', 'currentdate', 'currenttime', 'currenttimeuuid'],
  ...['current_timestamp', 'current_date', 'current_time', 'current_timeuuid'],
])

/** The statements that a function makes of records, checked and given the record's version. */
export class CustomStatements<P> {
  readonly #settings: CassandraSettings<P>
  readonly #make: StatementFunction<P>
  readonly #verdicts = new Map<string, Verdict>()
  readonly #tables = new Map<string, Promise<ReadonlyMap<string, Column>>>()
  /** Every table that statements have named, by its name in JSON. */
  readonly #named = new Map<string, TableName>()

  constructor(settings: CassandraSettings<P>, make: StatementFunction<P>) {
    this.#settings = settings
    this.#make = make
  }

  /** The work of a record, or why there is none. Rejects where a table cannot be looked at. */
  async workOf(record: WalRecord<P>): Promise<WorkOrFailure> {
    const madeOf = this.#madeOf(record)
    if ('status' in madeOf) return madeOf
    const statements: CassandraStatement[] = []
    for (const made of madeOf) {
      const verdict = await this.#verdict(made.query)
      if ('refusal' in verdict) return refused(made.query, verdict.refusal)
      statements.push(stamped(made.params, verdict, record.version))
    }
    const params = statements.flatMap((statement) => statement.params)
    const bytes = params.reduce<number>((sum, param) => sum + bytesOf(param), 0)
    return { statements, partition: undefined, bytes, probe: undefined, madeBy: this }
  }

  /** As far as it can be told without the tables: why a record will be refused. */
  objection(record: WalRecord<P>): string | undefined {
    const madeOf = this.#madeOf(record)
    if ('status' in madeOf) return madeOf.status === 'permanent' ? madeOf.message : undefined
    if (this.#settings.unsafe) return undefined
    for (const { query } of madeOf) {
      const parsed = parseStatement(query)
      if (typeof parsed !== 'string') this.#nameOf(parsed)
      const problem = typeof parsed === 'string' ? `it is ${parsed}` : textProblem(parsed)
      if (problem !== undefined) return refused(query, problem).message
    }
    return undefined
  }

  /**
   * How long deletes are remembered, in ms, by whichever table forgets them first, as the cluster says now. Of the
   * tables that statements have named so far; undefined before any has, or if none of them is there.
   */
  async gcGraceMs(): Promise<number | undefined> {
    const { client, executionProfile } = this.#settings
    if (this.#named.size === 0) return undefined
    await client.connect()
    const reading = [...this.#named.values()].map((name) =>
      findTable(client, name, executionProfile),
    )
    const spans = (await Promise.all(reading)).flatMap((table) => table?.gcGraceMs ?? [])
    return spans.length === 0 ? undefined : Math.min(...spans)
  }

  /** Looks at every table again that it knows. Rejects with `ERR_CONFIG` if one is gone. */
  async recheck(): Promise<void> {
    const { client, executionProfile } = this.#settings
    const names = [...this.#tables.keys()].map((name) => JSON.parse(name))
    this.#verdicts.clear()
    this.#tables.clear()
    await Promise.all(
      names.map(([keyspace, table]) => readTable(client, { keyspace, table }, executionProfile)),
    )
  }

  #madeOf(record: WalRecord<P>): readonly CassandraStatement[] | FailureOutcome {
    try {
      const made = listOf(this.#make(record))
      const problem = made.map(shapeProblem).find((one) => one !== undefined)
      return problem === undefined ? made : permanent('bad_statement', problem)
    } catch (cause) {
      const { message } = cause as Partial<Error>
      return transient('function_failed', `\`statement\` threw: ${message}`, { cause })
    }
  }

  async #verdict(query: string): Promise<Verdict> {
    const known = this.#verdicts.get(query)
    if (known !== undefined) return known
    const verdict = await this.#judge(query)
    if (this.#verdicts.size >= mostRemembered) this.#verdicts.clear()
    this.#verdicts.set(query, verdict)
    return verdict
  }

  async #judge(query: string): Promise<Verdict> {
    const { unsafe } = this.#settings
    const parsed = parseStatement(query)
    if (typeof parsed === 'string') {
      return unsafe ? { query, marksBefore: undefined } : { refusal: `it is ${parsed}` }
    }
    // Whatever becomes of it, a replay has to know the table.
    this.#nameOf(parsed)
    const refusal = unsafe
      ? undefined
      : (textProblem(parsed) ?? (await this.#columnProblem(parsed)))
    if (refusal !== undefined) return { refusal }
    if (parsed.isConditional || parsed.hasTimestamp) return { query, marksBefore: undefined }
    if (unsafe && (await this.#countsUp(parsed))) return { query, marksBefore: undefined }
    const { at, text, marksBefore } = parsed.timestamp
    return { query: query.slice(0, at) + text + query.slice(at), marksBefore }
  }

  async #columnProblem(parsed: ParsedStatement): Promise<string | undefined> {
    const columns = await this.#columnsOf(parsed)
    if (columns === undefined)
      return 'its table is named without a keyspace, and the client has none'
    const all = [...columns.keys()].map((column) => ({ column, how: 'replace' }) as const)
    for (const { column, how } of parsed.assignments ?? all) {
      const shape = columns.get(column)
      const problem = shape && assignmentProblem(shape, how, parsed.verb)
      if (problem !== undefined) return problem
    }
    return undefined
  }

  /** Counters take no timestamp at all. */
  async #countsUp(parsed: ParsedStatement): Promise<boolean> {
    const columns = await this.#columnsOf(parsed)
    return [...(columns?.values() ?? [])].some(({ type }) => type === 'counter')
  }

  /** Undefined where neither the statement nor the client has a keyspace. */
  #nameOf(
    parsed: ParsedStatement,
  ): { readonly name: string; readonly table: TableName } | undefined {
    const keyspace = parsed.keyspace ?? this.#settings.client.keyspace
    if (!keyspace) return undefined
    const table = { keyspace, table: parsed.table }
    const name = JSON.stringify([keyspace, parsed.table])
    this.#named.set(name, table)
    return { name, table }
  }

  #columnsOf(parsed: ParsedStatement): Promise<ReadonlyMap<string, Column>> | undefined {
    const { client, executionProfile } = this.#settings
    const { name, table } = this.#nameOf(parsed) ?? {}
    if (name === undefined || table === undefined) return undefined
    const known = this.#tables.get(name)
    if (known !== undefined) return known
    const reading = readTable(client, table, executionProfile)
    const columns = reading.then((shape) => shape.columns)
    this.#tables.set(name, columns)
    columns.catch(() => this.#tables.delete(name))
    return columns
  }
}

/** What can be told without knowing the table. */
function textProblem(parsed: ParsedStatement): string | undefined {
  if (parsed.isConditional) {
    return 'IF makes it depend on what is there when it comes, and leaves no room for a timestamp'
  }
  if (parsed.hasTimestamp) return "it has a timestamp of its own, where the record's version goes"
  const function_ = parsed.functions.find((name) => changing.has(name))
  return (
    function_ && `${function_}() has another value each time it is sent: take the record's fields`
  )
}

function assignmentProblem(
  column: Column,
  how: 'replace' | 'change' | 'element',
  verb: ParsedStatement['verb'],
): string | undefined {
  const { name, type } = column
  if (type === 'counter') return `${name} is a counter: a change that comes twice is counted twice`
  if (isSetOrMap(column)) return undefined
  if (how === 'change') return `adding to ${name} (${type}) adds once more each time it is sent`
  if (how === 'element' && isGrowingList(column)) {
    return `an element of ${name} goes by its place, which is another one after other changes`
  }
  if (isGrowingList(column) && verb !== 'delete') {
    return `${name} is a list: one that is sent again has its elements twice; make it frozen<list<…>>`
  }
  return undefined
}

function listOf(made: ReturnType<StatementFunction<never>>): readonly CassandraStatement[] {
  if (made === undefined) return []
  return Array.isArray(made) ? made : [made as CassandraStatement]
}

function shapeProblem(made: CassandraStatement | null): string | undefined {
  const { query, params } = made ?? {}
  const isFine = typeof query === 'string' && Array.isArray(params)
  return isFine ? undefined : '`statement` must answer { query, params }, with params in an array.'
}

function refused(query: string, reason: string): FailureOutcome {
  const hint = '`unsafe: true` sends it all the same.'
  return permanent(
    'refused_statement',
    `The statement is refused: ${reason}. ${hint} It is: ${query.slice(0, 300)}`,
  )
}

function stamped(
  params: readonly unknown[],
  verdict: Exclude<Verdict, { readonly refusal: string }>,
  version: bigint,
): CassandraStatement {
  const { query, marksBefore } = verdict
  const all = [...params]
  if (marksBefore !== undefined) all.splice(marksBefore, 0, version.toString())
  return { query, params: all }
}
