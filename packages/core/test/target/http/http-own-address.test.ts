import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { permanent, unavailable } from '../../../src/target/target.ts'
import { Application, type Reply } from './support/application.ts'
import { applyOne } from './support/apply-one.ts'

let application: Application
beforeAll(async () => {
  application = await Application.start()
})
afterAll(() => application[Symbol.asyncDispose]())

/** Options of a target whose records each have an address of their own. */
function ownAddress(reply: Reply = { status: 204 }) {
  application.handle = () => reply
  return { url: () => application.url('/films'), hosts: [application.host] }
}

function failing(code: string) {
  return {
    ...ownAddress(),
    fetch: async () => {
      throw new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) })
    },
  }
}

describe('an address that each record has of its own', () => {
  it('is at fault where its host is down, or takes no credential: others go on', async () => {
    for (const status of [401, 402, 403, 502, 503, 504, 507, 522]) {
      const outcome = await applyOne(ownAddress({ status }))
      expect(outcome, `${status}`).toMatchObject({ status: 'transient', code: `HTTP_${status}` })
    }
    const wait = { status: 503, headers: { 'retry-after': '7' } }
    expect(await applyOne(ownAddress(wait))).toMatchObject({ retryAfterMs: 7000 })
  })

  it('is at fault where it leads to another host', async () => {
    const reply = { status: 308, headers: { location: 'http://elsewhere.invalid/' } }
    const outcome = await applyOne(ownAddress(reply))
    expect(outcome).toMatchObject({ status: 'transient', code: 'HTTP_REDIRECT' })
  })

  it('is at fault where no connection can be made, or it breaks', async () => {
    for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'ECONNRESET', 'UND_ERR_CONNECT_TIMEOUT']) {
      expect(await applyOne(failing(code))).toMatchObject({ status: 'transient', code })
    }
    for (const code of ['CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID', 'HPE_INVALID_VERSION'])
      expect(await applyOne(failing(code))).toMatchObject({ status: 'transient', code })
  })

  it('is not at fault for what this process lacks, nor for its credentials', async () => {
    for (const code of ['EMFILE', 'ENETDOWN', 'EADDRNOTAVAIL', 'UND_ERR_DESTROYED']) {
      expect(await applyOne(failing(code))).toMatchObject({ status: 'unavailable', code })
    }
    const headers = () => Promise.reject(new Error('no token today'))
    expect(await applyOne({ ...ownAddress(), headers })).toMatchObject({ status: 'unavailable' })
  })

  it('is what classify says of it', async () => {
    const down = unavailable('down', 'All of them are down.')
    expect(await applyOne({ ...ownAddress({ status: 503 }), classify: () => down })).toEqual(down)
    const no = permanent('no', 'Never.')
    expect(await applyOne({ ...ownAddress({ status: 503 }), classify: () => no })).toEqual(no)
  })

  it('has a record that may be gone for good, or was to be removed from it', async () => {
    expect(await applyOne(ownAddress({ status: 410 }))).toMatchObject({ status: 'permanent' })
    for (const status of [404, 410]) {
      const options = { ...ownAddress({ status }), method: 'DELETE' } as const
      expect(await applyOne(options, { op: 'delete' })).toEqual({ status: 'applied' })
    }
  })
})
