import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { isWalError } from '../../../src/errors.ts'
import { httpTarget } from '../../../src/target/http/http-target.ts'
import { makeRecord } from '../../../src/testing/index.ts'

const url = 'https://films.example.com/records'

function issuesOf(options: object): readonly (readonly [string, string])[] {
  try {
    httpTarget(options as never)
  } catch (error) {
    if (!isWalError(error) || error.code !== 'ERR_CONFIG' || !('issues' in error)) throw error
    const issues = error.issues as readonly { readonly path: string; readonly reason: string }[]
    return issues.map(({ path, reason }) => [path, reason])
  }
  return []
}

describe('the options of a target over HTTP', () => {
  const wrong: readonly (readonly [string, object, string, RegExp])[] = [
    ['a misspelt name', { url, retires: 3 }, 'httpTarget.retires', /is not an option/],
    ['no address', {}, 'httpTarget.url', /missing|address/],
    ['an address that is none', { url: 'films' }, 'httpTarget.url', /no absolute URL/],
    ['an address of a file', { url: 'file:///etc/passwd' }, 'httpTarget.url', /http or https/],
    ['a function without hosts', { url: () => url }, 'httpTarget.hosts', /needs the hosts/],
    ['hosts without a function', { url, hosts: ['a'] }, 'httpTarget.hosts', /url function only/],
    [
      'a host with the port that every address leaves out',
      { url: () => url, hosts: ['api.example.com:443'] },
      'httpTarget.hosts.0',
      /leave it out/,
    ],
    ['a method that changes nothing', { url, method: 'GET' }, 'httpTarget.method', /'POST'/],
    [
      'a header of its own',
      { url, headers: { 'Webhook-Id': 'x' } },
      'httpTarget.headers',
      /itself/,
    ],
    [
      'a secret that is too short',
      { url, signing: 'whsec_AAAA' },
      'httpTarget.signing',
      /24 to 64/,
    ],
    ['a secret without its prefix', { url, signing: 'hunter2' }, 'httpTarget.signing', /whsec_/],
    ['a time-out of nothing', { url, timeout: 0 }, 'httpTarget.timeout', /at least 1 ms/],
    ['a batch of nothing', { url, batch: { maxRecords: 0 } }, 'httpTarget.batch.maxRecords', /1/],
    ['an op that is none', { url, ops: ['upsert'] }, 'httpTarget.ops.0', /./],
    ['a fetch that is no function', { url, fetch: {} }, 'httpTarget.fetch', /function/],
    [
      'a batch with addresses of records',
      { url: () => url, hosts: ['films.example.com'], batch: true },
      'httpTarget.batch',
      /one address/,
    ],
    ['a batch of bare payloads', { url, batch: true, body: 'payload' }, 'httpTarget.body', /batch/],
  ]
  for (const [what, options, path, reason] of wrong) {
    it(`are refused with ${what}`, () => {
      expect(issuesOf(options)).toEqual([[path, expect.stringMatching(reason)]])
    })
  }

  it('name every mistake at once', () => {
    expect(issuesOf({ url: 'x', timeout: 'soon', retries: 1 })).toHaveLength(3)
  })

  it('are never shown with a credential in them', () => {
    const text = JSON.stringify([
      issuesOf({ url: 'https://user:pa55word@films.example.com' }),
      issuesOf({ url, headers: { authorization: 'Bearer s3cret\nX: y' } }),
      issuesOf({ url, signing: 's3cret' }),
      issuesOf({ url, signing: generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey }),
    ])
    expect(text).toContain('user name or a password')
    expect(text).toContain('Ed25519')
    expect(text).not.toMatch(/pa55word|s3cret/)
  })

  it('say what the target does', () => {
    expect(httpTarget({ url })).toMatchObject({
      idempotency: 'id',
      largestBatch: { maxRecords: 1 },
    })
    const usual = { maxRecords: 100, maxBytes: 2 ** 20 }
    expect(httpTarget({ url, batch: true }).largestBatch).toEqual(usual)
    const own = httpTarget({ url, batch: { maxRecords: 7, maxBytes: '2kb' } })
    expect(own.largestBatch).toEqual({ maxRecords: 7, maxBytes: 2048 })
    expect(httpTarget({ url }).health).toBeUndefined()
    expect(httpTarget({ url }).validate).toBeUndefined()
    expect(httpTarget({ url, idempotency: 'version', ops: ['put'] })).toMatchObject({
      idempotency: 'version',
      ops: ['put'],
    })
  })
})

describe('a record that leads to an address', () => {
  const target = httpTarget<{ to: string }>({
    url: ({ payload }) => payload?.to ?? '',
    hosts: ['films.example.com', 'LOCALHOST:8080'],
  })
  const reason = (to: string) => target.validate?.(makeRecord({ payload: { to } }))

  it('is taken where the host is one of those allowed, with its port', () => {
    for (const to of [url, 'http://films.example.com:80/', 'http://localhost:8080/x']) {
      expect(reason(to), to).toBeUndefined()
    }
  })

  it('is refused before it is stored where the host is none of them', () => {
    for (const to of [
      'https://evil.example.com/films.example.com',
      'https://films.example.com:8443/',
      'http://localhost/',
      'https://films.example.com.evil.example/',
    ]) {
      expect(reason(to), to).toMatch(/not one of `hosts`/)
    }
    expect(reason('https://films.example.com@evil.example/')).toMatch(/user name/)
    expect(reason('/relative')).toMatch(/absolute/)
  })
})
