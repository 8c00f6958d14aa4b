import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { ForwardedRecord } from '../../../src/record.ts'
import { forwardReceiver } from '../../../src/target/forwarding/forward-receiver.ts'
import type { ForwardBody } from '../../../src/target/forwarding/received-body.ts'

/** A namespace that takes everything, and what has come. */
function setUp(maxBytes?: number) {
  const came: (ForwardedRecord | AbortSignal)[] = []
  const receive = forwardReceiver(
    {
      forward: async (records, { signal }) => {
        came.push(...records, signal)
        return records.map(({ id, version }) => ({ id, version, durable: 'yes' as const }))
      },
    },
    { maxBytes },
  )
  return { came, receive }
}

const bodyOf = (title: string) =>
  Buffer.from(JSON.stringify({ records: [{ id: 'a', version: '16', payload: { title } }] }))

async function* inPieces(bytes: Uint8Array, each: number) {
  for (let at = 0; at < bytes.length; at += each) yield bytes.subarray(at, at + each)
}

async function* breakingOff() {
  yield bodyOf('Rope').subarray(0, 20)
  throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
}

describe('the body of a request that forwards records', () => {
  it('keeps a character that lies over two chunks', async () => {
    const { came, receive } = setUp()
    expect(await receive(inPieces(bodyOf('é, 雨, 🎬'), 1))).toMatchObject({ status: 200 })
    expect(came[0]).toMatchObject({ payload: { title: 'é, 雨, 🎬' } })
  })

  it('is taken as text and as bytes, too', async () => {
    const { came, receive } = setUp()
    for (const body of [bodyOf('é'), new Uint8Array(bodyOf('é')), bodyOf('é').toString()]) {
      expect(await receive(body)).toMatchObject({ status: 200 })
    }
    expect(came.filter((each) => 'id' in each)).toHaveLength(3)
  })

  it('is refused as a whole where it ends early, is not UTF-8 or is too large', async () => {
    const { came, receive } = setUp(100)
    const wrong: [ForwardBody, number][] = [
      [breakingOff(), 408],
      [Buffer.concat([bodyOf('x'), Buffer.from([0xc3])]), 400],
      [inPieces(Buffer.from([0xff, 0xfe]), 1), 400],
      [bodyOf('x'.repeat(100)), 413],
      [bodyOf('é'.repeat(30)).toString(), 413],
      [inPieces(bodyOf('x'.repeat(100)), 30), 413],
    ]
    for (const [body, status] of wrong) {
      const answer = await receive(body)
      expect(answer.status).toBe(status)
      expect(JSON.parse(answer.body).error).toMatch(/^The body /)
    }
    expect(came).toEqual([])
  })

  it('is let go of once it is too large', async () => {
    const { receive } = setUp(100)
    let pieces = 0
    async function* endless() {
      for (;;) {
        pieces++
        yield Buffer.alloc(40)
      }
    }
    expect(await receive(endless())).toMatchObject({ status: 413 })
    expect(pieces).toBe(3)
  })

  it('must not have been parsed, and options are checked', async () => {
    await expect(setUp().receive({ records: [] } as never)).rejects.toThrow(
      'nothing that was parsed',
    )
    expect(() => setUp(0.5)).toThrow('forwardReceiver.maxBytes')
  })

  it('passes its signal on', async () => {
    const { came, receive } = setUp()
    const { signal } = new AbortController()
    await receive(bodyOf('x'), { signal })
    expect(came[1]).toBe(signal)
  })

  it('is given up once the signal aborts, though its sender says nothing more', async () => {
    const { came, receive } = setUp()
    async function* silent() {
      yield bodyOf('Rope').subarray(0, 20)
      await new Promise(() => {})
    }
    const { signal } = new AbortController()
    for (const each of [AbortSignal.timeout(20), AbortSignal.abort()]) {
      expect(await receive(silent(), { signal: each })).toMatchObject({ status: 408 })
    }
    expect(await receive(bodyOf('x'), { signal })).toMatchObject({ status: 200 })
    expect(came).toHaveLength(2)
  })

  it('may be a real request, whose sender breaks off', async () => {
    const { came, receive } = setUp()
    const statuses: number[] = []
    const server = createServer(async (request) => {
      statuses.push((await receive(request)).status)
      server.emit('answered')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    const answered = once(server, 'answered')
    const incoming = once(server, 'request')
    socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{"records":')
    await incoming
    socket.destroy()
    await answered
    expect(statuses).toEqual([408])
    expect(came).toEqual([])
    server.close()
  })
})
