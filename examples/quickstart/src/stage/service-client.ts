import { setTimeout as sleep } from 'node:timers/promises'
import type { Film } from '@daybook/example-films'
import type { Change } from './changes.ts'
import type { Acknowledged } from './check.ts'

/** A dead letter as the service shows it. */
export interface Letter {
  readonly id: string
  readonly target: string
  readonly code: string
  readonly message: string
  readonly attempts: readonly unknown[]
  readonly record: { readonly key: string; readonly version: string; readonly payload: Film }
}

/** The people who use the service: they know only what it has answered, and send again what it has not. */
export class ServiceClient {
  readonly #service: { readonly address: Promise<URL> }
  /** What the service has said is durable, in the order of its answers. */
  readonly acknowledged: Acknowledged[] = []
  #unanswered = 0

  constructor(service: { readonly address: Promise<URL> }) {
    this.#service = service
  }

  /** Requests that broke off without an answer, and were sent again. */
  get unanswered(): number {
    return this.#unanswered
  }

  /**
   * Sends changes at a pace, several at a time, though a film's one after the other. Resolves when
   * all are acknowledged.
   */
  async sendAll(
    changes: readonly Change[],
    { perSecond, atOnce }: { readonly perSecond: number; readonly atOnce: number },
  ): Promise<void> {
    const startedAt = performance.now()
    const lastOfKey = new Map<string, Promise<void>>()
    const underWay = new Set<Promise<void>>()
    for (const [index, change] of changes.entries()) {
      const waitMs = startedAt + (index * 1_000) / perSecond - performance.now()
      if (waitMs > 1) await sleep(waitMs)
      while (underWay.size >= atOnce) await Promise.race(underWay)
      const before = lastOfKey.get(change.key) ?? Promise.resolve()
      const sent = before.then(() => this.#send(change)).finally(() => underWay.delete(sent))
      lastOfKey.set(change.key, sent)
      underWay.add(sent)
    }
    await Promise.all(underWay)
  }

  /**
   * Sends a change until it is acknowledged. If the service dies before it answers, the change may
   * or may not be in its log. Sent again, it is stored once more with a higher version, and says
   * the same; so it does not matter which of the two was kept, or that both were.
   */
  async #send(change: Change): Promise<void> {
    for (;;) {
      const answer = await this.#request(
        change.op === 'put' ? 'PUT' : 'DELETE',
        `films/${change.key}`,
        change.op === 'put' ? change.film : undefined,
      ).catch(() => undefined)
      if (answer?.ok) {
        const { version } = (await answer.json()) as { readonly version: string }
        this.acknowledged.push({ change, version: BigInt(version) })
        return
      }
      if (answer?.status === 400) throw new Error(`The service refused: ${await answer.text()}`)
      this.#unanswered += 1
      await sleep(20)
    }
  }

  /** Waits until everything in the log has been delivered. */
  async drain(): Promise<void> {
    await this.#ask('POST', 'drain')
  }

  async deadLetters(): Promise<readonly Letter[]> {
    return (await this.#ask('GET', 'dead-letters')) as readonly Letter[]
  }

  /** Puts a mended film in place of the letter's, and sends the letter on its way again. */
  async redrive(letter: Letter, mended: Film): Promise<void> {
    await this.#ask('POST', `dead-letters/${encodeURIComponent(letter.id)}`, mended)
  }

  async #ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await this.#request(method, path, body)
    if (!answer.ok) throw new Error(`${method} ${path} failed: ${await answer.text()}`)
    return answer.json()
  }

  async #request(method: string, path: string, body: unknown): Promise<Response> {
    const url = new URL(path, await this.#service.address)
    return fetch(url, body === undefined ? { method } : { method, body: JSON.stringify(body) })
  }
}
