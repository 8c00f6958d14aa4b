import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import { Actor } from '@daybook/example-stage'
import type { PartnerCalls } from '../partner/service.ts'

export type Tally = Awaited<ReturnType<PartnerCalls['tally']>>

/** The other company's service: it is started, killed, and started again at its old address. */
export class Partner {
  readonly secret = `whsec_${randomBytes(32).toString('base64')}`
  readonly #file: string
  #service: Actor<PartnerCalls> | undefined
  #port = 0

  constructor(file: string) {
    this.#file = file
    process.env['PARTNER_SECRET'] = this.secret
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${this.#port}/films`)
  }

  async start(): Promise<void> {
    const script = new URL('../partner/service.ts', import.meta.url)
    this.#service = await Actor.start<PartnerCalls>(script, this.#file, String(this.#port))
    this.#port = await this.#running.ask('port')
  }

  /** What it has done in this life. */
  tally(): Promise<Tally> {
    return this.#running.ask('tally')
  }

  kill(): Promise<NodeJS.Signals | null> {
    return this.#running.kill()
  }

  stop(): Promise<number | null> {
    return this.#running.stop()
  }

  /** Sends what somebody else might; resolves with the answers' statuses. */
  async forge(): Promise<readonly number[]> {
    const now = Math.floor(Date.now() / 1_000)
    const attempts = [
      { secret: `whsec_${randomBytes(32).toString('base64')}`, timestamp: now },
      // Overheard an hour ago.
      { secret: this.secret, timestamp: now - 3_600 },
    ]
    return Promise.all(attempts.map(({ secret, timestamp }) => this.#forgeOne(secret, timestamp)))
  }

  async #forgeOne(secret: string, timestamp: number): Promise<number> {
    const body = JSON.stringify({ key: 'film-0001', version: '1', op: 'delete' })
    const id = randomUUID()
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
    const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`)
    const headers = {
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': `v1,${signature.digest('base64')}`,
    }
    // It may want a rest just now.
    for (;;) {
      const { status } = await fetch(this.url, { method: 'POST', headers, body })
      if (status !== 429) return status
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }

  get #running(): Actor<PartnerCalls> {
    if (this.#service === undefined) throw new Error('The partner does not run')
    return this.#service
  }
}
