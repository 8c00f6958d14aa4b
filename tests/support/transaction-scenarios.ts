import { deepStrictEqual, ok } from 'node:assert'
import { setTimeout } from 'node:timers/promises'
import {
  applied,
  type Clock,
  createWal,
  multiPartitionMutation,
  type Outcome,
  permanent,
  type Queue,
  type TransactionStore,
  type,
} from '@daybook/core'
import { faultyQueue, memoryTransactionStore, recordingTarget } from '@daybook/core/testing'

/** Storage that several queues may be opened over, one after the other, each as by a process of its own. */
export interface TransactionSubject {
  readonly order: 'key' | 'none'
  /** Default the machine's. */
  readonly clock?: Clock
  /** Of the wals. Default `'rows'`. */
  readonly namespace?: string
  /** The store of each process. Default one in memory, which all of them have in common. */
  store?(): TransactionStore
  queue(): Queue
  /** The process of the last queue dies: nothing that it does afterwards reaches the storage. */
  crash(): void | Promise<void>
}

/** What must hold of transactions through a queue whose namespace brings the store of their mutations. */
export interface TransactionScenario {
  readonly name: string
  run(subject: TransactionSubject): Promise<void>
}

export const transactionScenarios: readonly TransactionScenario[] = [
  { name: 'goes on where its consumer died between two of its mutations', run: resumes },
  { name: 'suffers no harm where its marker is in the queue twice', run: passesOverDuplicate },
  { name: 'is parked with the mutation that fails, and goes on from there', run: parksAndGoesOn },
  { name: 'is whole where two processes seal, apply and redrive at the same time', run: isShared },
]

const keys = ['k0', 'k1', 'k2', 'k3', 'k4', 'k5']

/** Wals over the subject's queue, with one store of transactions and one target for all of them. */
function stage(
  subject: TransactionSubject,
  answer: (key: string | undefined, id: string | undefined) => Outcome | Promise<Outcome>,
  wrap: (queue: Queue) => Queue = (queue) => queue,
) {
  const { namespace = 'rows' } = subject
  const shelf = new Map()
  const target = recordingTarget<number>({
    idempotency: 'version',
    answer: ({ key, transaction }) => answer(key, transaction?.id),
  })
  const open = () =>
    createWal({
      clock: subject.clock,
      namespaces: {
        [namespace]: multiPartitionMutation({
          payload: type<number>(),
          queue: wrap(subject.queue()),
          order: subject.order,
          targets: { base: target },
          transactions: { store: subject.store?.() ?? memoryTransactionStore(shelf) },
        }),
      },
    })
  type Opened = Awaited<ReturnType<typeof open>>
  const rowsOf = (wal: Opened) => wal.namespace(namespace)
  const seal = async (wal: Opened): Promise<string> => {
    const { id } = await rowsOf(wal).transaction(async (tx) => {
      for (const [payload, key] of keys.entries()) await tx.put('base', { key, payload })
    })
    return id
  }
  return { open, seal, rowsOf, target, keysApplied: () => target.applied.map(({ key }) => key) }
}

async function resumes(subject: TransactionSubject): Promise<void> {
  let isStuck = true
  const { promise: stuck, reject: letGo } = Promise.withResolvers<never>()
  // It may have died before it came to wait for that.
  stuck.catch(() => {})
  const { open, seal, rowsOf, target, keysApplied } = stage(subject, (key) =>
    isStuck && key === 'k3' ? stuck : applied,
  )
  const dying = await open()
  dying.on('error', () => {}) // what it meets after its death
  await dying.start()
  const id = await seal(dying)
  await target.waitFor(3)
  await subject.crash()
  isStuck = false
  // What an attempt has interrupted is tried with nothing else under way in the process, and this one has both.
  letGo(new Error('Its process is gone.'))
  const gone = dying.close({ timeout: '1ms' }).catch(() => {})
  const next = await open()
  await next.start()
  await target.waitFor(keys.length)
  await next.drain()
  const status = await rowsOf(next).transactionStatus(id)
  deepStrictEqual([status?.state, status?.targets.base?.applied], ['applied', keys.length])
  // What had been applied when it died may be applied again, and nothing after it is left out.
  const [before, after] = [keysApplied().slice(0, 3), keysApplied().slice(3)]
  deepStrictEqual(before, keys.slice(0, 3))
  deepStrictEqual(after, keys.slice(-after.length))
  await next.close()
  await gone
}

async function passesOverDuplicate(subject: TransactionSubject): Promise<void> {
  const { open, seal, rowsOf, keysApplied } = stage(
    subject,
    () => applied,
    (queue) => faultyQueue(queue, { send: () => 'repeat' }),
  )
  const wal = await open()
  const id = await seal(wal)
  await wal.start()
  await wal.drain()
  // Both markers may be at work at once: each keeps the sequence, and one version is no harm twice.
  const given = keysApplied()
  deepStrictEqual([...new Set(given)], keys)
  ok(given.length <= 2 * keys.length, `${given}`)
  const status = await rowsOf(wal).transactionStatus(id)
  deepStrictEqual([status?.state, status?.targets.base?.applied], ['applied', keys.length])
  await wal.close()
}

async function parksAndGoesOn(subject: TransactionSubject): Promise<void> {
  let isBroken = true
  const { open, seal, rowsOf, keysApplied } = stage(subject, (key) =>
    isBroken && key === 'k2' ? permanent('BROKEN', 'no such column') : applied,
  )
  const wal = await open()
  const rows = rowsOf(wal)
  const stateOf = async (): Promise<string | undefined> => (await rows.transactionStatus(id))?.state
  await wal.start()
  const id = await seal(wal)
  await wal.drain()
  deepStrictEqual(await stateOf(), 'parked')
  deepStrictEqual(keysApplied(), keys.slice(0, 2))
  const { letters } = await rows.deadLetters.list()
  deepStrictEqual(
    letters.map(({ target, code }) => [target, code]),
    [['base', 'BROKEN']],
  )
  isBroken = false
  const report = await rows.deadLetters.redrive('all')
  deepStrictEqual(report.failed, [])
  await wal.drain()
  deepStrictEqual(await stateOf(), 'applied')
  deepStrictEqual(keysApplied(), keys)
  deepStrictEqual((await rows.deadLetters.list()).letters, [])
  await wal.close()
}

async function isShared(subject: TransactionSubject): Promise<void> {
  // One of each process's.
  const broken = new Set<string>()
  const { open, seal, rowsOf, target } = stage(subject, (key, id = '') =>
    key === 'k2' && broken.has(id) ? permanent('BROKEN', 'no such column') : applied,
  )
  const wals = await Promise.all([open(), open()])
  const all = await Promise.all(wals.flatMap((wal) => [0, 1, 2].map(() => seal(wal))))
  const [first = '', , , second = ''] = all
  broken.add(first).add(second)
  const statesOf = (ids: readonly string[]) =>
    Promise.all(ids.map(async (id) => (await rowsOf(wals[0]).transactionStatus(id))?.state))
  await Promise.all(wals.map((wal) => wal.start()))
  await until(async () => (await statesOf([first, second])).every((state) => state === 'parked'))
  broken.clear()
  await until(async () => {
    // Each may find the letter of the other's: then it is tried twice, or was redriven before.
    await Promise.all(wals.map((wal) => rowsOf(wal).deadLetters.redrive('all')))
    return (await statesOf(all)).every((state) => state === 'applied')
  })
  for (const id of all) {
    const own = target.applied.filter(({ transaction }) => transaction?.id === id)
    deepStrictEqual([...new Set(own.map(({ key }) => key))], keys)
    // Whichever process applied it, and whichever marker it went by.
    deepStrictEqual(new Set(own.map(({ version }) => version)).size, 1)
  }
  await Promise.all(wals.map((wal) => wal.close()))
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000
  while (!(await holds())) {
    ok(performance.now() < deadline, 'it took more than 30 s')
    await setTimeout(100)
  }
}
