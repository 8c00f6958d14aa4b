import { describe, expect, it } from 'vitest'
import { signatureProblem } from '../../src/partner/verify-signature.ts'

// The example that implementations of Standard Webhooks have in their tests.
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const body = '{"test": 2432232314}'
const headers = {
  'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  'webhook-timestamp': '1614265330',
  'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
}
const now = 1_614_265_330_000
const problem = (different: object = {}, text = body, at = now): string | undefined =>
  signatureProblem({ ...headers, ...different }, text, secret, at)

describe('the partner, asked whether a webhook is to be believed', () => {
  it('takes one that was signed with its secret just now', () => {
    expect(problem()).toBeUndefined()
    expect(problem({}, body, now + 299_000)).toBeUndefined()
  })

  it('takes one of which one of several signatures is right', () => {
    const several = `v1,AAAA v1a,AAAA ${headers['webhook-signature']}`
    expect(problem({ 'webhook-signature': several })).toBeUndefined()
  })

  it('takes none with another body, id or time than were signed', () => {
    expect(problem({}, '{"test": 2432232315}')).toContain('wrong')
    expect(problem({ 'webhook-id': 'msg_other' })).toContain('wrong')
    expect(problem({ 'webhook-timestamp': '1614265331' })).toContain('wrong')
  })

  it('takes none that was signed long ago, or will be, or at no time', () => {
    expect(problem({}, body, now + 301_000)).toContain('just now')
    expect(problem({}, body, now - 301_000)).toContain('just now')
    expect(problem({ 'webhook-timestamp': 'soon' })).toContain('just now')
  })

  it('takes none without a signature, or with one of another kind', () => {
    expect(problem({ 'webhook-signature': undefined })).toContain('not signed')
    const other = headers['webhook-signature'].replace('v1,', 'v2,')
    expect(problem({ 'webhook-signature': other })).toContain('wrong')
  })
})
