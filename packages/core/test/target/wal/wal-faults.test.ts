import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type } from '../../../src/config/payload-type.ts'
import { memoryQueue } from '../../../src/queue/memory-queue.ts'
import type { WalRecord } from '../../../src/record.ts'
import { createWal } from '../../../src/wal.ts'
import { type Row, VersionedStore } from '../../testing/versioned-store.ts'
import { ArchiveDoor, ways } from '../support/archive-door.ts'

/** A store that may be made to wait, so that what is before it fills. */
class GatedStore extends VersionedStore {
  gate: Promise<void> = Promise.resolve()

  validate({ payload }: WalRecord<Row>): string | undefined {
    return payload?.year === -1 ? 'no such year' : undefined
  }

  override async apply(records: readonly WalRecord<Row>[]) {
    await this.gate
    return super.apply(records)
  }
}

let store: GatedStore
let archive: Awaited<ReturnType<typeof archiveWal>>
let door: ArchiveDoor

async function archiveWal() {
  const wal = await createWal({
    region: { name: 'us', number: 1 },
    namespaces: {
      films: {
        ...{ payload: type<Row>(), queue: memoryQueue({ maxBytes: 20_000 }) },
        ...{ overload: 'shed', targets: { store }, batch: { maxRecords: 5 } },
      },
    },
  })
  await wal.start()
  return wal
}

beforeEach(async () => {
  store = new GatedStore()
  archive = await archiveWal()
  door = await ArchiveDoor.before(archive.namespace('films'))
})
afterEach(async () => {
  door.close()
  await archive.close()
})

/** A wal that forwards to the archive, with two attempts for each record, and all that it tells of. */
async function forwardingWal(way: string) {
  const peer = ways[way]?.(door.address)
  if (peer === undefined) throw new Error(`there is no way called ${way}`)
  const wal = await createWal({
    region: { name: 'eu', number: 0 },
    namespaces: {
      films: {
        ...{ payload: type<Row>(), queue: memoryQueue(), targets: { peer } },
        ...{ batch: { maxRecords: 20 }, concurrency: 2 },
        retry: { maxAttempts: 2, minDelay: '5ms', maxDelay: '20ms' },
        breaker: { minOpen: '5ms', maxOpen: '20ms' },
      },
    },
  })
  const pauses: string[] = []
  wal.on('paused', ({ reason, code }) => pauses.push(`${reason} ${code}`))
  await wal.start()
  const state = new Map<string, Row>()
  const write = async (records: number): Promise<void> => {
    for (let n = 0; n < records; n++) {
      const row = { title: 'x'.repeat(100), year: n }
      await wal.write('films', { key: `film ${n % 40}`, payload: row })
      state.set(`film ${n % 40}`, row)
    }
  }
  /** Everything arrives, nothing became a dead letter, and nobody's attempt is left counted. */
  const settle = async (): Promise<void> => {
    const { films } = await wal.drain({ timeout: '20s' })
    expect(films.peer).toMatchObject({ dead: 0, pending: 0 })
    expect(await wal.namespace('films').deadLetters.list()).toMatchObject({ letters: [] })
    await archive.drain({ timeout: '20s' })
    for (const [key, row] of state) expect(await store.read(key)).toEqual(row)
  }
  const retried = async () => (await wal.status()).namespaces.films.targets.peer.delivery?.retried
  return { wal, pauses, write, settle, retried }
}

describe.each(Object.keys(ways))('a wal that is forwarded to over HTTP, by %s,', (way) => {
  it('waits for a credential that is taken, and spends no attempt of a lone record meanwhile', async () => {
    const { wal, pauses, write, settle, retried } = await forwardingWal(way)
    door.password = 'another'
    await write(1)
    await vi.waitFor(() => expect(pauses.length).toBeGreaterThan(4), 10_000)
    expect(new Set(pauses)).toHaveLength(1)
    expect(pauses[0]).toMatch(/^unavailable (HTTP|ARCHIVE)_401$/)
    door.password = 'right'
    await write(100)
    await settle()
    expect(await retried()).toBe(0)
    await wal.close()
  })

  it('waits for a namespace that is not there yet, and buries nothing meanwhile', async () => {
    const { wal, pauses, write, settle } = await forwardingWal(way)
    const { namespace } = door
    door.namespace = undefined
    await write(100)
    await vi.waitFor(() => expect(pauses.length).toBeGreaterThan(4), 10_000)
    expect(pauses[0]).toMatch(/^(unavailable ARCHIVE|failures HTTP)_404$/)
    door.namespace = namespace
    await settle()
    await wal.close()
  })

  it('says which records it never takes, and takes those beside them', async () => {
    const { wal, pauses, write } = await forwardingWal(way)
    await write(50)
    for (const key of ['bad', 'worse']) {
      await wal.write('films', { key, payload: { year: -1 } })
      await write(20)
    }
    const { films } = await wal.drain({ timeout: '20s' })
    expect(films.peer).toMatchObject({ applied: 90, dead: 2, pending: 0 })
    const { letters } = await wal.namespace('films').deadLetters.list()
    expect(letters.map(({ code, attemptsSpent }) => [code, attemptsSpent])).toEqual([
      ['ERR_INVALID_RECORD', 1],
      ['ERR_INVALID_RECORD', 1],
    ])
    expect(pauses).toEqual([])
    await wal.close()
  })

  it('is left in peace while it is full, and given all once it is not', async () => {
    const { wal, pauses, write, settle, retried } = await forwardingWal(way)
    const { promise, resolve } = Promise.withResolvers<void>()
    store.gate = promise
    await write(300)
    await vi.waitFor(() => expect(pauses).not.toEqual([]), 10_000)
    expect(new Set(pauses)).toEqual(new Set(['throttled ERR_OVERLOADED']))
    resolve()
    await settle()
    expect(await retried()).toBe(0)
    await wal.close()
  })

  it('is given again what was on its way as a connection broke, before it was stored or behind that', async () => {
    const { wal, pauses, write, settle, retried } = await forwardingWal(way)
    door.cuts.push('before', 'never', 'behind', 'never', 'never', 'behind', 'before')
    await write(300)
    await settle()
    expect(door.cuts).toEqual([])
    expect(new Set(pauses.map((pause) => pause.split(' ')[0]))).toEqual(new Set(['unavailable']))
    expect(await retried()).toBe(0)
    await wal.close()
  })
})
