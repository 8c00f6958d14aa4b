/** An option of a schema. */
export interface Leaf {
  /** Its default, as it is after parsing; undefined without one. */
  readonly usual: unknown
  /** Whether it accepts the value. */
  takes(value: unknown): boolean
}

/** As much of a valibot schema as is looked at here. */
interface Schema {
  readonly type: string
  readonly wrapped?: Schema
  readonly default?: unknown
  readonly entries?: Readonly<Record<string, Schema>>
  readonly pipe?: readonly Schema[]
  readonly value?: Schema
  readonly getter?: (input: unknown) => Schema
}

/**
 * The options of a schema, by their paths. Where there is one for each name, the path goes on with `NAME`; what has
 * options of its own is one itself only in that case.
 */
export function leavesOf(schema: object): ReadonlyMap<string, Leaf> {
  const found = new Map<string, Leaf>()
  collect(schema as Schema, '', undefined, found)
  return found
}

function collect(given: Schema, path: string, usual: unknown, found: Map<string, Leaf>): void {
  if (given.wrapped) {
    collect(given.wrapped, path, given.default, found)
    return
  }
  const schema = given.getter ? given.getter({}) : given
  const each = recordIn(schema)?.value
  if (schema.entries) {
    for (const [name, entry] of Object.entries(schema.entries)) {
      collect(entry, path === '' ? name : `${path}.${name}`, undefined, found)
    }
    return
  }
  found.set(path, { usual, takes: (value) => accepts(schema, value) })
  if (each?.entries) collect(each, `${path}.NAME`, undefined, found)
}

/** What is piped may be a pipe in turn. */
function recordIn(schema: Schema): Schema | undefined {
  if (schema.type === 'record') return schema
  const [first, ...others] = schema.pipe ?? []
  return others.find(({ type }) => type === 'record') ?? (first?.pipe && recordIn(first))
}

function accepts(schema: Schema, value: unknown): boolean {
  const standard = schema as unknown as {
    readonly '~standard': { validate(value: unknown): { readonly issues?: unknown } }
  }
  return standard['~standard'].validate(value).issues === undefined
}
