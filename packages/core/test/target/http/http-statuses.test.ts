import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { statusClassOf } from '../../../src/target/http/http-statuses.ts'
import { httpTarget } from '../../../src/target/http/http-target.ts'
import { permanent } from '../../../src/target/target.ts'
import { makeRecord } from '../../../src/testing/index.ts'
import { Application, type Reply } from './support/application.ts'
import { applyOne, applyTo } from './support/apply-one.ts'

let application: Application
beforeAll(async () => {
  application = await Application.start()
})
afterAll(() => application[Symbol.asyncDispose]())

function answering(reply: Reply) {
  application.handle = () => reply
  return application.url('/films?token=hidden')
}

describe('the statuses of an application', () => {
  const classes: Readonly<Record<string, readonly number[]>> = {
    applied: [200, 201, 202, 204],
    permanent: [400, 413, 414, 422, 431, 451],
    transient: [404, 405, 408, 409, 412, 415, 418, 423, 425, 500, 501, 502, 504, 599],
    throttled: [429, 529],
    unavailable: [300, 301, 302, 303, 304, 401, 402, 403, 410, 503, 507, 511, 521, 522, 523],
  }
  for (const [expected, statuses] of Object.entries(classes)) {
    it(`count as ${expected} where they are ${statuses.join(', ')}`, async () => {
      for (const status of statuses) {
        const outcome = await applyOne({ url: answering({ status }) })
        expect(outcome.status, `${status}`).toBe(expected)
        if (expected !== 'applied') expect(outcome).toMatchObject({ code: `HTTP_${status}` })
      }
    })
  }

  it('all have a class, whatever the number', () => {
    for (let status = 0; status < 1000; status++) expect(statusClassOf(status)).toMatch(/^[a-z]+$/)
  })

  it('are superseded for a conflict where the application compares versions', async () => {
    for (const status of [409, 412]) {
      const url = answering({ status })
      expect(await applyOne({ url, idempotency: 'version' })).toEqual({ status: 'superseded' })
    }
  })

  it('say of a record alone that it is gone where the address is its own', async () => {
    answering({ status: 410 })
    const options = { url: () => application.url(), hosts: [application.host] }
    expect(await applyOne(options)).toMatchObject({ status: 'permanent', code: 'HTTP_410' })
  })

  it('say nothing of what a DELETE was to remove where all records go to one address', async () => {
    for (const [status, outcome] of [
      [404, 'transient'],
      [410, 'unavailable'],
    ] as const) {
      const options = { url: answering({ status }), method: 'DELETE' } as const
      const code = `HTTP_${status}`
      expect(await applyOne(options, { op: 'delete' })).toMatchObject({ status: outcome, code })
    }
  })

  it('are overridden by classify, or left to the table', async () => {
    const classify = ({ status, body }: { status: number; body: string }) =>
      status === 403 ? permanent('forbidden', body) : undefined
    const forbidden = answering({ status: 403, body: 'not for you' })
    expect(await applyOne({ url: forbidden, classify })).toMatchObject({
      status: 'permanent',
      code: 'forbidden',
      message: 'not for you',
    })
    const busy = answering({ status: 429 })
    expect(await applyOne({ url: busy, classify })).toMatchObject({ status: 'throttled' })
  })
})

describe('a wait that an application asks for', () => {
  const retryAfterMs = async (headers: Readonly<Record<string, string>>, status = 429) => {
    const outcome = await applyOne({ url: answering({ status, headers }) })
    return 'retryAfterMs' in outcome ? outcome.retryAfterMs : undefined
  }

  it('is in seconds', async () => {
    expect(await retryAfterMs({ 'retry-after': '120' })).toBe(120_000)
    expect(await retryAfterMs({ 'retry-after': '0' }, 503)).toBe(0)
  })

  it('is a date, counted from the date of the answer', async () => {
    const headers = {
      date: 'Wed, 21 Oct 2015 07:28:00 GMT',
      'retry-after': 'Wed, 21 Oct 2015 07:28:30 GMT',
    }
    expect(await retryAfterMs(headers)).toBe(30_000)
    expect(await retryAfterMs({ ...headers, 'retry-after': 'Wed, 21 Oct 2015 07:00:00 GMT' })).toBe(
      0,
    )
  })

  it('is nothing where it cannot be read', async () => {
    for (const text of ['soon', '-5', '']) {
      expect(await retryAfterMs({ 'retry-after': text }), text).toBeUndefined()
    }
  })
})

describe('the message of a failure', () => {
  it('has what was asked, the status and the beginning of the answer', async () => {
    const url = answering({ status: 422, body: `a film  needs\n a title ${'x'.repeat(5000)}` })
    const outcome = await applyOne({ url })
    const message = 'message' in outcome ? outcome.message : ''
    expect(message).toContain(
      `POST ${application.url('/films')} answered 422: a film needs a title x`,
    )
    expect(message.length).toBeLessThan(400)
  })

  it('has no query of the address, and no header that was sent', async () => {
    application.handle = ({ headers, path }) => ({
      status: 400,
      body: { word: 'kept', path, headers },
    })
    const headers = { authorization: 'Bearer s3cret-token', 'x-api-key': 'k3y-0f-ours' }
    const outcome = await applyOne({ url: application.url('/films?token=hidden'), headers })
    expect(outcome).toMatchObject({ status: 'permanent' })
    const text = JSON.stringify(outcome)
    for (const secret of ['hidden', 's3cret-token', 'k3y-0f-ours'])
      expect(text).not.toContain(secret)
    expect(text).toContain('kept')
  })
})

describe('the answer of an application', () => {
  it('is read up to its bound only', async () => {
    const body = 'y'.repeat(3_000_000)
    let seen = 0
    const classify = (answer: { body: string; isCut: boolean }) => {
      seen = answer.body.length
      expect(answer.isCut).toBe(true)
      return undefined
    }
    const url = answering({ status: 200, body })
    expect(await applyOne({ url, answerBytes: '10kb', classify })).toEqual({ status: 'applied' })
    expect(seen).toBe(10_240)
  })

  it('may say of each record of a batch what became of it', async () => {
    const records = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((key) => makeRecord({ key }))
    const [a, b, c, d, e, f] = records.map(({ id }) => id)
    const results = [
      { id: f, status: 'rejoiced' },
      { id: e, status: 'throttled', retryAfterMs: 2000 },
      { id: d, status: 422, code: 'no_title', message: 'a film needs a title' },
      { id: c, status: 409 },
      { id: b, status: 'superseded' },
      { id: a, status: 'applied' },
    ]
    const url = answering({ status: 200, body: { results } })
    const outcomes = await applyTo(
      httpTarget({ url, batch: true, idempotency: 'version' }),
      records,
    )
    expect(outcomes).toMatchObject([
      { status: 'applied' },
      { status: 'superseded' },
      { status: 'superseded' },
      { status: 'permanent', code: 'no_title', message: 'a film needs a title' },
      { status: 'throttled', code: 'HTTP_THROTTLED', retryAfterMs: 2000 },
      { status: 'transient', code: 'HTTP_NO_RESULT' },
      { status: 'transient', code: 'HTTP_NO_RESULT' },
    ])
  })

  it('is tried again for each record of a batch that its results do not name', async () => {
    const records = [makeRecord(), makeRecord()]
    const [first] = records
    const applyBatch = async (results: unknown, status = 200) => {
      const url = answering({ status, body: { results } })
      return applyTo(httpTarget({ url, batch: true }), records)
    }
    const unnamed = { status: 'transient', code: 'HTTP_NO_RESULT' }
    const unreadable = [
      [{ status: 422 }, { status: 'applied' }],
      [{ id: 17, status: 'applied' }, null],
      [],
      { status: 'applied' },
      null,
      'applied',
    ]
    for (const results of unreadable) {
      expect(await applyBatch(results), JSON.stringify(results)).toMatchObject([unnamed, unnamed])
    }
    const half = [null, { id: first?.id, status: 'applied' }, { status: 'applied' }]
    expect(await applyBatch(half)).toMatchObject([{ status: 'applied' }, unnamed])
    // A status that is a failure says more than results that name nobody.
    const down = { status: 'unavailable', code: 'HTTP_503' }
    expect(await applyBatch([{ status: 'applied' }], 503)).toMatchObject([down, down])
  })

  it('is for all of a batch where it has no results', async () => {
    const records = [makeRecord(), makeRecord()]
    const applyBatch = (reply: Reply) =>
      applyTo(httpTarget({ url: answering(reply), batch: true, answerBytes: '1kb' }), records)
    expect(await applyBatch({ status: 204 })).toEqual([
      { status: 'applied' },
      { status: 'applied' },
    ])
    expect(await applyBatch({ status: 503 })).toMatchObject([
      { status: 'unavailable' },
      { status: 'unavailable' },
    ])
    await expect(applyBatch({ status: 422 })).rejects.toMatchObject({ code: 'ERR_PERMANENT' })
    await expect(applyBatch({ status: 500 })).rejects.toMatchObject({ code: 'ERR_TRANSIENT' })
    // Results that cannot be read may say anything.
    await expect(applyBatch({ status: 207 })).rejects.toMatchObject({ code: 'ERR_TRANSIENT' })
    const long = { results: [], padding: 'z'.repeat(2000) }
    await expect(applyBatch({ status: 200, body: long })).rejects.toMatchObject({
      code: 'ERR_TRANSIENT',
    })
  })
})
