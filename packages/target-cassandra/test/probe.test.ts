import { makeRecord } from '@daybook/core/testing'
import { describe, expect, it } from 'vitest'
import { cassandraTarget } from '../src/index.ts'
import { applyTo } from './support/apply-to.ts'
import { fakeClient } from './support/fake-client.ts'

const version = 1_764_000_000_000_001n
const query = 'INSERT INTO media.t (id, title) VALUES (?, ?)'
const { signal } = new AbortController()

/** A cluster of which the replicas of the rows named 'lost' may be down, by statements of one's own. */
function setUp(unsafe: boolean) {
  const client = fakeClient({ id: 'text partition_key', title: 'text' })
  const statement = ({ key }: { readonly key?: string | undefined }) => {
    return { query, params: [key, 'x'] }
  }
  const cluster = { down: new Set<string>(), code: 0x1000 }
  client.answer = ([first]) => {
    const row = first?.query.includes('system.local') ? 'node' : `${first?.params[0]}`
    if (!cluster.down.has(row)) return []
    const { code } = cluster
    return Promise.reject(Object.assign(new Error('down'), { name: 'ResponseError', code }))
  }
  const target = cassandraTarget({ client, statement, unsafe })
  const apply = (...keys: string[]) =>
    applyTo(
      target,
      keys.map((key) => makeRecord({ key, version })),
    )
  return { client, cluster, target, apply }
}

describe("a part of the rows that is down, with statements of one's own", () => {
  it('is down until the change that failed can be written, and not until some node answers', async () => {
    const { client, cluster, target, apply } = setUp(false)
    cluster.down.add('lost')
    expect(await apply('there', 'lost')).toMatchObject([
      { status: 'applied' },
      { status: 'unavailable', code: 'unavailable' },
    ])
    await expect(target.health?.({ signal })).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })
    cluster.down.clear()
    await target.health?.({ signal })
    const sent = client.sent.at(-1)?.statements[0]
    expect(sent?.params).toEqual(['lost', 'x', `${version}`])
  })

  it('is over for the probe where that change fails for a reason of its own', async () => {
    const { cluster, target, apply } = setUp(false)
    cluster.down.add('lost')
    await apply('lost')
    cluster.code = 0x2200
    await target.health?.({ signal })
  })

  it('holds changes that may not be sent twice, as long as a node answers', async () => {
    const { client, cluster, target, apply } = setUp(true)
    cluster.down.add('lost')
    expect(await apply('there', 'lost')).toMatchObject([
      { status: 'applied' },
      { status: 'held', code: 'unavailable', message: 'down' },
    ])
    cluster.down.add('node')
    expect(await apply('lost')).toMatchObject([{ status: 'unavailable' }])
    cluster.down.delete('node')
    const before = client.sent.length
    await target.health?.({ signal })
    expect(client.sent.slice(before).map(({ statements }) => statements[0]?.params)).toEqual([[]])
  })
})
