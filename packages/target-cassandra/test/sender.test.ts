import { makeRecord } from '@daybook/core/testing'
import { describe, expect, it } from 'vitest'
import {
  type CassandraStatement,
  type CassandraTargetOptions,
  cassandraTarget,
} from '../src/index.ts'
import { applyTo } from './support/apply-to.ts'
import { fakeClient } from './support/fake-client.ts'

const columns = { shelf: 'int partition_key', id: 'int clustering', title: 'text' }

function setUp(options: Partial<CassandraTargetOptions<never>> = {}) {
  const client = fakeClient(columns)
  const target = cassandraTarget<never>({
    client,
    table: 'titles',
    key: ['shelf', 'id'],
    ...options,
  })
  return { client, target }
}

const film = (shelf: number, id: number, title = 'x') =>
  makeRecord({ key: `${shelf}/${id}`, payload: { shelf, id, title } })

const invalid = Object.assign(new Error('invalid'), { name: 'ResponseError', code: 0x2200 })
const timedOut = Object.assign(new Error('timed out'), { name: 'ResponseError', code: 0x1100 })
const isBad = ({ params }: CassandraStatement): boolean => params.includes('bad')

describe('what is sent to Cassandra', () => {
  it('goes prepared, without logs, retries of the driver or a doubt about its idempotence', async () => {
    const { client, target } = setUp({ executionProfile: 'writes', consistency: 'two' })
    await applyTo(target, [film(1, 1), film(1, 2), film(2, 1)])
    const common = { prepare: true, isIdempotent: true, consistency: 2, executionProfile: 'writes' }
    expect(client.sent.map(({ options }) => options)).toMatchObject([
      { ...common, logged: false },
      common,
    ])
    for (const decide of Object.values(client.sent[0]?.options.retry ?? {})) {
      expect(decide()).toEqual({ decision: 0 })
    }
  })

  it('is no statement to be repeated for the driver where it may do harm twice', async () => {
    const { client, target } = setUp({ unsafe: true })
    await applyTo(target, [film(1, 1)])
    expect(client.sent[0]?.options.isIdempotent).toBe(false)
  })

  it('goes by the profile that is given, also what asks for the table', async () => {
    const { client, target } = setUp({ executionProfile: 'writes' })
    const { execute } = client
    const profiles: unknown[] = []
    client.execute = (query, params, options) => {
      profiles.push(options?.executionProfile)
      return execute(query, params, options)
    }
    await applyTo(target, [film(1, 1)])
    expect(profiles).toEqual(['writes', 'writes', 'writes'])
  })

  it('is at local quorum, unless a profile is to say', async () => {
    const { client, target } = setUp()
    await applyTo(target, [film(1, 1)])
    expect(client.sent[0]?.options.consistency).toBe(6)
    const { client: profiled, target: other } = setUp({ executionProfile: 'writes' })
    await applyTo(other, [film(1, 1)])
    expect(profiled.sent[0]?.options).not.toHaveProperty('consistency')
  })

  it('goes by partition, in batches of so many bytes, and alone where it is larger', async () => {
    const { client, target } = setUp({ maxBatchBytes: 1_100 })
    const title = 'x'.repeat(200)
    const films = [1, 2, 3, 4, 5].flatMap((id) => [film(1, id, title), film(2, id, title)])
    await applyTo(target, [...films, film(1, 9, 'y'.repeat(2_000))])
    const sizes = client.sent.map(({ statements }) => statements.length)
    expect(sizes.reduce((sum, size) => sum + size)).toBe(11)
    expect(Math.max(...sizes)).toBe(3)
    for (const { statements } of client.sent) {
      expect(new Set(statements.map(({ params }) => params[0])).size).toBe(1)
      const isLarge = statements.some(({ params }) => String(params[2]).length > 1_000)
      if (isLarge) expect(statements).toHaveLength(1)
    }
  })

  it('goes in no batches where that is said', async () => {
    const { client, target } = setUp({ maxBatchBytes: 0 })
    await applyTo(target, [film(1, 1), film(1, 2)])
    expect(client.sent.map(({ statements }) => statements.length)).toEqual([1, 1])
  })

  it('is so much at once at most, over several applies', async () => {
    const { client, target } = setUp({ concurrency: 3 })
    let running = 0
    let most = 0
    client.answer = async () => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 2))
      running--
      return []
    }
    const batches = [0, 1, 2].map((batch) => [1, 2, 3, 4, 5, 6].map((n) => film(batch * 10 + n, 1)))
    const outcomes = await Promise.all(batches.map((batch) => applyTo(target, batch)))
    expect(outcomes.flat().every(({ status }) => status === 'applied')).toBe(true)
    expect(most).toBe(3)
  })

  it('goes again one by one after a batch that was refused, and the bad one alone fails', async () => {
    const { client, target } = setUp()
    client.answer = async (statements) => {
      if (statements.some(isBad)) throw invalid
      return []
    }
    const outcomes = await applyTo(target, [film(1, 1), film(1, 2, 'bad'), film(1, 3)])
    expect(outcomes).toMatchObject([
      { status: 'applied' },
      { status: 'permanent', code: 'invalid' },
      { status: 'applied' },
    ])
    expect(client.sent.map(({ statements }) => statements.length)).toEqual([3, 1, 1, 1])
  })

  it('does not go again after a time-out: the batch may have been written', async () => {
    const { client, target } = setUp()
    client.answer = () => Promise.reject(timedOut)
    const outcomes = await applyTo(target, [film(1, 1), film(1, 2)])
    expect(outcomes.map((outcome) => 'code' in outcome && outcome.code)).toEqual([
      'write_timeout',
      'write_timeout',
    ])
    expect(client.sent).toHaveLength(1)
  })

  it('is told record by record where the time is over, and for nobody where the wal closes', async () => {
    const { client, target } = setUp()
    client.answer = (statements) => (statements.some(isBad) ? new Promise(() => {}) : [])
    const records = [film(1, 1), film(2, 1, 'bad'), film(3, 1)]
    const late = new AbortController()
    const applying = applyTo(target, records, late.signal)
    await new Promise((resolve) => setTimeout(resolve, 5))
    late.abort(new DOMException('late', 'TimeoutError'))
    expect(await applying).toMatchObject([
      { status: 'applied' },
      { status: 'transient', code: 'timeout' },
      { status: 'applied' },
    ])
    const closing = new AbortController()
    const stopped = applyTo(target, records, closing.signal)
    closing.abort(new DOMException('closing', 'AbortError'))
    await expect(stopped).rejects.toThrow('closing')
    const sent = client.sent.length
    await expect(applyTo(target, records, AbortSignal.abort())).rejects.toThrow()
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(client.sent).toHaveLength(sent)
  })

  it('has room again once its time is over, also where the driver never answers', async () => {
    const { client, target } = setUp({ concurrency: 1 })
    client.answer = () => new Promise(() => {})
    const late = new AbortController()
    const stuck = applyTo(target, [film(1, 1), film(2, 1)], late.signal)
    await new Promise((resolve) => setTimeout(resolve, 5))
    late.abort(new DOMException('late', 'TimeoutError'))
    expect((await stuck).map(({ status }) => status)).toEqual(['transient', 'transient'])
    client.answer = () => []
    expect(await applyTo(target, [film(3, 1)])).toEqual([{ status: 'applied' }])
    expect(client.sent).toHaveLength(2)
  }, 5_000)

  it('is looked for by the probe with the row that failed last, at a consistency for reads', async () => {
    const { client, target } = setUp({ consistency: 'eachQuorum' })
    const down = Object.assign(new Error('down'), { name: 'ResponseError', code: 0x1000 })
    client.answer = () => Promise.reject(down)
    const { signal } = new AbortController()
    await applyTo(target, [film(7, 8)])
    await expect(target.health?.({ signal })).rejects.toMatchObject({
      ...{ code: 'ERR_UNAVAILABLE', message: 'unavailable: down', cause: down },
    })
    expect(client.sent.at(-1)).toMatchObject({
      statements: [
        {
          query: 'SELECT "shelf" FROM "media"."titles" WHERE "shelf" = ? AND "id" = ?',
          params: [7, 8],
        },
      ],
      options: { consistency: 4 },
    })
    client.answer = () => []
    await target.health?.({ signal })
    await target.health?.({ signal })
    expect(client.sent.at(-1)?.statements[0]?.query).toContain('system.local')
  })

  it('is probed by its own change where the role may not read', async () => {
    const { client, target } = setUp()
    const forbidden = Object.assign(new Error('no'), { name: 'ResponseError', code: 0x2100 })
    let write: Error | undefined = Object.assign(new Error('down'), {
      ...{ name: 'ResponseError', code: 0x1000 },
    })
    client.answer = ([first]) => {
      if (first?.query.includes('system.local')) return []
      if (first?.query.startsWith('SELECT')) return Promise.reject(forbidden)
      return write === undefined ? [] : Promise.reject(write)
    }
    expect(await applyTo(target, [film(1, 1)])).toMatchObject([{ status: 'unavailable' }])
    const { signal } = new AbortController()
    await expect(target.health?.({ signal })).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })
    write = forbidden
    await expect(target.health?.({ signal })).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })
    write = undefined
    await target.health?.({ signal })
    expect(client.sent.at(-1)).toMatchObject(client.sent[0] ?? {})
  })
})
