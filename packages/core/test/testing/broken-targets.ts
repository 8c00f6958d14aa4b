import type { WalRecord } from '../../src/record.ts'
import {
  type ApplyContext,
  applied,
  type Outcome,
  permanent,
  type Target,
} from '../../src/target/target.ts'
import type { TargetSubject } from '../../src/testing/index.ts'
import { type Row, VersionedStore } from './versioned-store.ts'

/** A target broken on purpose, and the cases that have to notice. */
export interface BrokenTarget {
  readonly flaw: string
  readonly create: () => TargetSubject<Row>
  readonly turnsRed: readonly string[]
}

const anyOrder = 'ends in the state of the versions in any order, with any repeats'

export const brokenTargets: readonly BrokenTarget[] = [
  {
    flaw: 'takes no notice of versions',
    create: store({ isNewer: () => true }),
    turnsRed: [
      'takes the highest version there is',
      'changes nothing when an older change comes after a newer one',
      'does not bring back what was deleted when an older change comes late',
      'ends in the state of the versions after redelivery in order',
      anyOrder,
    ],
  },
  {
    flaw: 'compares versions as numbers',
    create: store({ isNewer: (a, b) => Number(a) > Number(b) }),
    turnsRed: ['tells versions apart that a double cannot'],
  },
  {
    flaw: 'compares versions as 32-bit seconds',
    create: store({ isNewer: (a, b) => a / 1_000_000n > b / 1_000_000n }),
    turnsRed: [anyOrder],
  },
  {
    flaw: 'forgets what was deleted',
    create: wrapped((target) => {
      let held = new VersionedStore()
      const rows = new Map<string, VersionedStore>()
      return {
        async apply(records) {
          return records.map((record) => {
            const key = record.key ?? ''
            held = rows.get(key) ?? new VersionedStore()
            rows.set(key, held)
            if (record.op === 'delete') rows.delete(key)
            return record.op === 'delete' ? applied : held.applyOne(record)
          })
        },
        read: async (key) => rows.get(key)?.read(key) ?? target.read(key),
      }
    }),
    turnsRed: ['does not bring back what was deleted when an older change comes late', anyOrder],
  },
  {
    flaw: 'merges a put into the row',
    create: store({ rowOf: ({ payload }, before) => ({ ...before, extra: 1, ...payload }) }),
    turnsRed: [
      'replaces the whole row by a put',
      'stores what is put',
      'removes the row by a delete',
    ],
  },
  {
    flaw: 'replaces the row by a patch',
    create: store({
      rowOf: ({ op, payload }) => (op === 'delete' ? undefined : { ...payload }),
    }),
    turnsRed: ['sets the named fields by a patch and leaves the others'],
  },
  {
    flaw: 'sets the fields of a patch that comes late',
    create: wrapped((target) => {
      const newest = new Map<string, bigint>()
      return {
        apply: async (records) =>
          records.map((record) => {
            const { op, key = '', version } = record
            const held = newest.get(key) ?? 0n
            newest.set(key, version > held ? version : held)
            const isLate = op === 'patch' && version <= held
            return target.applyOne(isLate ? { ...record, version: held + 1n } : record)
          }),
      }
    }),
    turnsRed: ['changes nothing by patches that come late, in any order'],
  },
  {
    flaw: 'takes a patch that it does not declare for a delete',
    create: wrapped((target) => ({
      ops: ['put', 'delete'],
      apply: async (records) =>
        records.map((record) => {
          const { op } = record
          return target.applyOne(op === 'patch' ? ({ ...record, op: 'delete' } as never) : record)
        }),
    })),
    turnsRed: ['refuses patches where it declares to take none'],
  },
  {
    flaw: 'answers for failures only',
    create: wrapped((target) => ({
      apply: async (records) =>
        (await target.apply(records)).filter(({ status }) => status !== 'applied'),
    })),
    turnsRed: ['answers one outcome per record of a batch', 'stores what is put'],
  },
  {
    flaw: 'answers in the order in which the store did',
    create: wrapped((target) => ({
      apply: async (records) => [...(await target.apply(records))].reverse(),
    })),
    turnsRed: ['fails the record that it refuses, and no other of its batch'],
  },
  {
    flaw: 'passes off failures as applied',
    create: wrapped((target) => ({
      async apply(records) {
        await target.apply(records)
      },
    })),
    turnsRed: ['fails the record that it refuses, and no other of its batch'],
  },
  {
    flaw: 'fails the whole batch for one bad record',
    create: wrapped((target) => ({
      async apply(records) {
        const outcomes = await target.apply(records)
        const bad = outcomes.find(({ status }) => status === 'permanent')
        return bad ? outcomes.map(() => bad) : outcomes
      },
    })),
    turnsRed: ['fails the record that it refuses, and no other of its batch'],
  },
  {
    flaw: 'retries for ever what is refused for good',
    create: wrapped((target) => ({
      async apply(records) {
        const outcomes = await target.apply(records)
        return outcomes.map((outcome) =>
          outcome.status === 'permanent' ? { ...outcome, status: 'transient' } : outcome,
        )
      },
    })),
    turnsRed: ['fails the record that it refuses, and no other of its batch'],
  },
  {
    flaw: 'takes what is superseded for a failure',
    create: answering((outcome) =>
      outcome.status === 'superseded' ? permanent('CONFLICT', 'Version conflict.') : outcome,
    ),
    turnsRed: ['changes nothing when a record is applied twice', anyOrder],
  },
  {
    flaw: 'says superseded of everything',
    create: answering((outcome) => (outcome === applied ? { status: 'superseded' } : outcome)),
    turnsRed: ['ends in the state of the versions after redelivery in order', anyOrder],
  },
  {
    flaw: 'gives failures no code',
    create: answering((outcome) =>
      outcome.status === 'permanent' ? { ...outcome, code: '' } : outcome,
    ),
    turnsRed: ['fails the record that it refuses, and no other of its batch'],
  },
  {
    flaw: 'changes the records it is given',
    create: wrapped((target) => ({
      async apply(records) {
        const outcomes = await target.apply(records)
        for (const { payload } of records) Object.assign(payload ?? {}, { indexedAt: 1 })
        return outcomes
      },
    })),
    turnsRed: ['does not change the records it is given'],
  },
  {
    flaw: 'keeps the batch in a field',
    create: wrapped((target) => {
      let batch: readonly WalRecord<Row>[] = []
      return {
        async apply(records) {
          batch = records
          await Promise.resolve()
          await target.apply(batch)
        },
      }
    }),
    turnsRed: ['applies batches of different keys at once'],
  },
  {
    flaw: 'declares that it applies in order, and does not',
    create: wrapped((target) => ({
      appliesInOrder: true,
      async apply(records) {
        const outcomes = await target.apply([...records].reverse())
        return outcomes.map(() => applied)
      },
    })),
    turnsRed: ['applies several records of a key in one batch in order if it declares so'],
  },
  {
    flaw: 'does not heed its signal',
    create: () => stallable(() => new Promise(() => {})),
    turnsRed: ['settles when its signal aborts while the store does not answer'],
  },
  {
    flaw: 'takes an abort for success',
    create: () => stallable(({ signal }) => aborted(signal)),
    turnsRed: ['settles when its signal aborts while the store does not answer'],
  },
  {
    flaw: 'mixes up keys that it does not escape',
    create: store({}, (key) => key.replace(/[^a-z0-9 ]/gi, '')),
    turnsRed: ['takes keys of any letters, and keeps them apart'],
  },
  {
    flaw: 'objects to records that it takes',
    create: wrapped(() => ({ validate: () => 'not today' })),
    turnsRed: ['validates: a reason for what it will never take, nothing for what it takes'],
  },
  {
    flaw: 'reads nothing back',
    create: () => {
      const target = new VersionedStore()
      const blind: Target<Row> = { ...bound(target), read: async () => undefined }
      return { target: blind, read: (key) => target.read(key) }
    },
    turnsRed: ['reads what it holds, if it offers to'],
  },
  {
    flaw: 'is never healthy',
    create: wrapped(() => ({ health: () => Promise.reject(new Error('down')) })),
    turnsRed: ['tells its health, if it offers to'],
  },
  {
    flaw: 'remembers its deletes for less than no time',
    create: wrapped(() => ({ remembersDeletesMs: () => -1 })),
    turnsRed: ['tells how long it remembers deletes, if that ends'],
  },
  {
    flaw: 'declares that it applies nothing',
    create: wrapped(() => ({ ops: [] })),
    turnsRed: ['declares ops that there are'],
  },
  {
    flaw: 'buries for good what was deleted',
    create: wrapped((target) => {
      const buried = new Set<string>()
      return {
        async apply(records) {
          const isBuried = ({ key = '' }: WalRecord<Row>): boolean => buried.has(key)
          const outcomes = await Promise.all(
            records.map((record) => (isBuried(record) ? applied : target.applyOne(record))),
          )
          for (const { op, key = '' } of records) if (op === 'delete') buried.add(key)
          return outcomes
        },
      }
    }),
    turnsRed: ['takes a newer put after a delete'],
  },
  {
    flaw: 'applies the first hundred of a batch',
    create: wrapped((target) => ({
      async apply(records) {
        await target.apply(records.slice(0, 100))
      },
    })),
    turnsRed: ['applies the largest batch it declares'],
  },
  {
    flaw: 'calls applied what was aborted',
    create: wrapped((target) => ({
      async apply(records, { signal }) {
        return signal.aborted ? undefined : target.apply(records)
      },
    })),
    turnsRed: ['settles when its signal has aborted already, and is truthful'],
  },
]

/** The target that is broken in the others, whole: wrapped in the same way, it must stay green. */
export const wholeTarget = wrapped(() => ({}))

type Methods = Partial<Pick<VersionedStore, 'isNewer' | 'rowOf'>>

/** A versioned store with other methods, and possibly another idea of a key. */
function store(methods: Methods, keyOf: (key: string) => string = (key) => key) {
  return (): TargetSubject<Row> => {
    const target = Object.assign(new VersionedStore(), methods)
    const rekeyed: Target<Row> = {
      ...bound(target),
      apply: (records) =>
        target.apply(records.map((record) => ({ ...record, key: keyOf(record.key ?? '') }))),
    }
    return { target: rekeyed, read: (key) => target.read(keyOf(key)) }
  }
}

function wrapped(breakage: (target: VersionedStore) => Partial<Target<Row>>) {
  return (): TargetSubject<Row> => {
    const target = new VersionedStore()
    const broken = { ...bound(target), ...breakage(target) }
    const read = async (key: string): Promise<unknown> =>
      broken.read?.(key, { signal: new AbortController().signal })
    return { target: broken, read }
  }
}

function answering(change: (outcome: Outcome) => Outcome) {
  return wrapped((target) => ({
    apply: async (records) => (await target.apply(records)).map(change),
  }))
}

/** A store that can be made to stall, with what an apply does meanwhile. */
function stallable(applyStalled: (context: ApplyContext) => Promise<void>): TargetSubject<Row> {
  const target = new VersionedStore()
  let stalled = false
  return {
    target: {
      ...bound(target),
      apply: (records, context) => (stalled ? applyStalled(context) : target.apply(records)),
    },
    read: (key) => target.read(key),
    stall: async () => {
      stalled = true
      return () => {
        stalled = false
      }
    },
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

function bound(target: VersionedStore): Target<Row> {
  return {
    idempotency: target.idempotency,
    apply: (records) => target.apply(records),
    read: (key) => target.read(key),
    health: () => target.health(),
  }
}
