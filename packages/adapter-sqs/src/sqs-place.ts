import { WalError } from '@daybook/core'

/** What opening learned of one queue. */
export interface CheckedQueue {
  readonly url: string
  /** What it is told from others by. */
  readonly place: string
  /** How long it keeps a message, in ms. */
  readonly retentionMs: number
  /** The ARN of the queue that its own redrive policy moves messages to, if it has one. */
  readonly redrivesTo?: string | undefined
}

/** Emulators give every queue this account. */
const noAccount = ':000000000000:'

const loopback = /^(?:localhost|127\.0\.0\.1|\[::1\])(?=:|$)/

/**
 * What a queue is told from others by. Amazon's have an ARN that is unique in the world, while several hosts lead to
 * each; what an emulator calls one is not, and its host is named too.
 */
export function placeOfQueue(url: string, arn: string | undefined): string {
  if (arn !== undefined && !arn.includes(noAccount)) return `the queue ${arn}`
  if (!URL.canParse(url)) return `the queue ${url}`
  const { host, pathname } = new URL(url)
  const plainHost = host.replace(loopback, 'localhost')
  if (arn !== undefined) return `the queue ${arn} at ${plainHost}`
  return `the queue ${plainHost}${pathname.replace(/\/+$/, '')}`
}

/** Throws where two URLs lead to one queue: of two that read it each would get a part of what is meant for both. */
export function checkApart(queues: readonly CheckedQueue[]): void {
  const urls = new Map<string, string>()
  for (const { url, place } of queues) {
    const other = urls.get(place)
    if (other !== undefined) {
      const message = `sqsQueue: ${other} and ${url} are one, ${place}. Give each option a queue of its own.`
      throw new WalError('ERR_CONFIG', message)
    }
    urls.set(place, url)
  }
}
