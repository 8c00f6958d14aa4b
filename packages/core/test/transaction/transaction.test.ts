import { describe, expect, it } from 'vitest'
import {
  applied,
  createWal,
  memoryQueue,
  multiPartitionMutation,
  type Outcome,
  permanent,
  type Target,
  type TransactionEvent,
  type TransactionsOptions,
  transient,
  type,
  type WalRecord,
} from '../../src/index.ts'

interface Row {
  readonly value: string
}

/** A target that answers as its script says, and remembers what it applied. */
class Rows implements Target<Row> {
  readonly idempotency = 'version'
  readonly given: WalRecord<Row>[] = []
  readonly appliesInOrder: boolean
  answer: (record: WalRecord<Row>) => Outcome = () => applied

  constructor(appliesInOrder = false) {
    this.appliesInOrder = appliesInOrder
  }

  async apply(records: readonly WalRecord<Row>[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = []
    for (const record of records) {
      const outcome = this.answer(record)
      outcomes.push(outcome)
      if (outcome.status === 'applied') this.given.push(record)
    }
    return outcomes
  }

  get values(): string[] {
    return this.given.map(
      (record) => `${record.key}=${record.op === 'put' ? record.payload.value : record.op}`,
    )
  }
}

const put = (key: string, value: string) => ({ key, payload: { value } })

async function rowsWal(options: { inOrder?: boolean; transactions?: TransactionsOptions } = {}) {
  const base = new Rows(options.inOrder)
  const index = new Rows(options.inOrder)
  const queue = memoryQueue()
  const wal = await createWal({
    namespaces: {
      rows: multiPartitionMutation({
        payload: type<Row>(),
        queue,
        targets: { base, index },
        retry: { maxAttempts: 3, minDelay: 1, maxDelay: 2 },
        ...(options.transactions && { transactions: options.transactions }),
      }),
    },
  })
  const events: TransactionEvent[] = []
  wal.on('transaction', (event) => events.push(event))
  return { wal, rows: wal.namespace('rows'), base, index, events, queue }
}

describe('a transaction', () => {
  it.each([false, true])(
    'is applied in its sequence to each of its targets (in batches: %s)',
    async (inOrder) => {
      const { wal, rows, base, index, events } = await rowsWal({ inOrder })
      const receipt = await rows.transaction(async (tx) => {
        await tx.put('base', put('a', '1'))
        await tx.put('index', put('1', 'a'))
        await tx.patch('base', { key: 'b', payload: { value: '2' } })
        await tx.delete('base', { key: 'a' })
        await tx.put('base', put('a', '3'))
      })
      expect(receipt.durable).toBe('yes')
      expect((await rows.transactionStatus(receipt.id))?.state).toBe('sealed')
      await wal.start()
      await wal.drain()
      expect(base.values).toEqual(['a=1', 'b=patch', 'a=delete', 'a=3'])
      expect(index.values).toEqual(['1=a'])
      const versions = base.given.filter(({ key }) => key === 'a').map(({ version }) => version)
      expect(versions).toEqual([receipt.version - 32n, receipt.version - 16n, receipt.version])
      expect(base.given.map(({ transaction }) => transaction)).toEqual(
        [0, 2, 3, 4].map((at) => ({ id: receipt.id, index: at })),
      )
      expect(await rows.transactionStatus(receipt.id)).toMatchObject({
        state: 'applied',
        mutations: 5,
        targets: {
          base: { state: 'applied', mutations: 4, applied: 4 },
          index: { state: 'applied', mutations: 1, applied: 1 },
        },
      })
      expect(events.map(({ state }) => state)).toEqual(['sealed', 'applying', 'applied'])
      await wal.close()
    },
  )

  it('stands in the order of its keys among plain writes', async () => {
    const { wal, rows, base } = await rowsWal()
    await rows.write({ ...put('a', '1'), target: 'base' })
    await rows.write({ ...put('b', '1'), target: 'base' })
    await rows.transaction(async (tx) => {
      await tx.put('base', put('a', '2'))
      await tx.put('base', put('b', '2'))
    })
    await rows.write({ ...put('b', '3'), target: 'base' })
    await rows.transaction((tx) => tx.put('base', put('b', '4')))
    await rows.write({ ...put('a', '3'), target: 'base' })
    await wal.start()
    await wal.drain()
    const of = (key: string) => base.values.filter((value) => value.startsWith(key))
    expect(of('a')).toEqual(['a=1', 'a=2', 'a=3'])
    expect(of('b')).toEqual(['b=1', 'b=2', 'b=3', 'b=4'])
    const versions = base.given.filter(({ key }) => key === 'b').map(({ version }) => version)
    expect(versions).toEqual(versions.toSorted((one, other) => Number(one - other)))
    await wal.close()
  })

  it('is parked with the mutation that fails for good, and goes on from there when redriven', async () => {
    const { wal, rows, base, index, events } = await rowsWal()
    base.answer = ({ key }) => (key === 'bad' ? permanent('BROKEN', 'no such column') : applied)
    const { id } = await rows.transaction(async (tx) => {
      await tx.put('base', put('a', '1'))
      await tx.put('index', put('1', 'a'))
      await tx.put('base', put('bad', '2'))
      await tx.put('base', put('c', '3'))
    })
    await wal.start()
    await wal.drain()
    expect(base.values).toEqual(['a=1'])
    expect(index.values).toEqual(['1=a'])
    const failure = {
      index: 2,
      code: 'BROKEN',
      message: "Mutation 2 (put of 'bad'): no such column",
    }
    expect(await rows.transactionStatus(id)).toMatchObject({
      state: 'parked',
      targets: { base: { state: 'parked', applied: 1, failure }, index: { state: 'applied' } },
    })
    const { letters } = await rows.deadLetters.list()
    expect(letters).toMatchObject([{ target: 'base', code: 'BROKEN', message: failure.message }])
    expect(events.at(-1)).toMatchObject({ state: 'parked', target: 'base', failure })
    base.answer = () => applied
    await rows.deadLetters.redrive('all')
    await wal.drain()
    expect(base.values).toEqual(['a=1', 'bad=2', 'c=3'])
    expect(await rows.transactionStatus(id)).toMatchObject({ state: 'applied' })
    expect((await rows.deadLetters.list()).letters).toEqual([])
    await wal.close()
  })

  it('is not edited in a redrive, which would change its marker and none of its mutations', async () => {
    const { wal, rows, base } = await rowsWal()
    base.answer = () => permanent('BROKEN', 'no such column')
    const { id } = await rows.transaction((tx) => tx.put('base', put('a', '1')))
    await wal.start()
    await wal.drain()
    const { redriven, failed } = await rows.deadLetters.redrive('all', {
      edit: () => ({ payload: { value: '2' } }),
    })
    expect(redriven).toEqual([])
    expect(failed).toMatchObject([{ error: { code: 'ERR_INVALID_RECORD' } }])
    expect(failed[0]?.error.message).toContain(`transaction ${id}`)
    base.answer = () => applied
    await rows.deadLetters.redrive('all', { edit: () => undefined })
    await wal.drain()
    expect(base.values).toEqual(['a=1'])
    expect(await rows.transactionStatus(id)).toMatchObject({ state: 'applied' })
    await wal.close()
  })

  it('gives attempts anew to each mutation', async () => {
    const { wal, rows, base } = await rowsWal()
    const tries = new Map<string, number>()
    base.answer = ({ key = '' }) => {
      const count = (tries.get(key) ?? 0) + 1
      tries.set(key, count)
      return count < 3 ? transient('BUSY', 'later') : applied
    }
    const keys = ['a', 'b', 'c', 'd']
    await rows.transaction(async (tx) => {
      for (const key of keys) await tx.put('base', put(key, '1'))
    })
    await wal.start()
    await wal.drain()
    expect(base.values).toEqual(keys.map((key) => `${key}=1`))
    await wal.close()
  })

  it('stores nothing of one whose build fails, or in which a mutation is refused', async () => {
    const { wal, rows, base } = await rowsWal()
    const failing = rows.transaction(async (tx) => {
      await tx.put('base', put('a', '1'))
      throw new Error('changed my mind')
    })
    await expect(failing).rejects.toThrow('changed my mind')
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    // Not awaited, and refused all the same.
    const refused = rows.transaction((tx) => {
      void tx.put('base', put('a', '1'))
      void tx.put('base', { key: 'b', payload: cycle as unknown as Row })
      void tx.put('base', put('c', '1'))
    })
    await expect(refused).rejects.toMatchObject({ code: 'ERR_NOT_SERIALIZABLE' })
    const unknown = rows.transaction((tx) => tx.put('bsae' as 'base', put('a', '1')))
    await expect(unknown).rejects.toMatchObject({ code: 'ERR_UNKNOWN_TARGET' })
    const empty = rows.transaction(() => {})
    await expect(empty).rejects.toMatchObject({ code: 'ERR_INVALID_RECORD' })
    const delayed = rows.transaction((tx) =>
      tx.put('base', { ...put('a', '1'), delay: '1h' } as unknown as { key: string; payload: Row }),
    )
    await expect(delayed).rejects.toThrow("'delay', which is no field of a mutation")
    await wal.start()
    await wal.drain()
    expect(base.given).toEqual([])
    await wal.close()
  })

  it('is refused before its seal by the validate of a target that a mutation is for', async () => {
    const asked: string[] = []
    const strict = (name: string) =>
      Object.assign(new Rows(), {
        validate({ key }: WalRecord<Row>): string | undefined {
          asked.push(`${name} ${key}`)
          return key === 'bad' ? 'no such column' : undefined
        },
      })
    const targets = { base: strict('base'), index: strict('index') }
    const preset = multiPartitionMutation({ payload: type<Row>(), queue: memoryQueue(), targets })
    const wal = await createWal({ namespaces: { rows: preset } })
    const states: string[] = []
    wal.on('transaction', ({ state }) => states.push(state))
    const refused = wal.namespace('rows').transaction(async (tx) => {
      await tx.put('base', put('a', '1'))
      await tx.put('index', put('bad', '2'))
    })
    await expect(refused).rejects.toThrow("target 'index' will never take it: no such column")
    expect(asked).toEqual(['base a', 'index bad'])
    expect(states).toEqual([])
    await wal.start()
    await wal.drain()
    expect([...targets.base.given, ...targets.index.given]).toEqual([])
    await wal.close()
  })

  it('is refused beyond its limits', async () => {
    const { wal, rows, base } = await rowsWal({
      transactions: { maxMutations: 3, maxBytes: '1mb' },
    })
    const many = rows.transaction(async (tx) => {
      for (let at = 0; at < 4; at++) await tx.put('base', put(`k${at}`, '1'))
    })
    await expect(many).rejects.toMatchObject({ code: 'ERR_TRANSACTION_TOO_LARGE' })
    const large = rows.transaction(async (tx) => {
      for (let at = 0; at < 2; at++) await tx.put('base', put(`k${at}`, 'x'.repeat(600_000)))
    })
    await expect(large).rejects.toMatchObject({ code: 'ERR_TRANSACTION_TOO_LARGE' })
    await wal.start()
    await wal.drain()
    expect(base.given).toEqual([])
    await wal.close()
  })

  it('may be larger than a chunk, with mutations that span several', async () => {
    const { wal, rows, base, events } = await rowsWal()
    const values = ['s', 'm'.repeat(200_000), 'l'.repeat(900_000), 'x'.repeat(262_144), 'e']
    const { id } = await rows.transaction(async (tx) => {
      for (const [at, value] of values.entries()) await tx.put('base', put(`k${at}`, value))
    })
    await wal.start()
    await wal.drain()
    expect(base.values).toEqual(values.map((value, at) => `k${at}=${value}`))
    expect(events.map(({ state }) => state)).toEqual(['open', 'sealed', 'applying', 'applied'])
    expect((await rows.transactionStatus(id))?.bytes).toBeGreaterThan(1_300_000)
    await wal.close()
  })
})
