import { createHash } from 'node:crypto'
import type { Clock } from '@daybook/core'
import type { ReceivedMessage, SendEntry } from '../sqs-client.ts'
import { refuse } from './sqs-refusal.ts'
import type { SqsTroubles } from './sqs-troubles.ts'

/** Limits of the service. Source: its API reference and the "message quotas" page of its manual. */
const largestMessageBytes = 1_048_576
const longestDelaySeconds = 900
const longestVisibilityMs = 43_200_000
const deduplicationMs = 300_000
/** For long 20,000 on a FIFO queue, later more: a program that lives with these lives with those. */
const mostInFlight = { standard: 120_000, fifo: 20_000 }

/** How a queue of the model is set up. */
export interface SqsModelQueueOptions {
  /** From 1 minute to 14 days; default 4 days. */
  readonly retentionMs?: number
  /** Up to 1 MiB, which is the default. */
  readonly maximumMessageSize?: number
  /**
   * Most messages in flight; default 120,000, and 20,000 on a FIFO queue, which also looks through no more than
   * its first so many for a group that is free. A test of what happens at the limit gives a small one.
   */
  readonly mostInFlight?: number
}

interface Message {
  readonly id: string
  readonly sequence: number
  readonly body: string
  readonly group: string | undefined
  readonly sentAt: number
  receives: number
  /** Not visible before. */
  visibleAt: number
  /** When it was received last; undefined while it is not in flight. */
  receivedAt: number | undefined
  receipt: string | undefined
  /** It has come once more than it had to. */
  isRepeated: boolean
}

// No control characters but tab, line feed and carriage return, no halves of pairs, not U+FFFE and U+FFFF.
const allowed = /^[\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]+$/u
const allowedGroup = /^[A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]{1,128}$/

/** One queue of the model: which messages are where, by the documented rules. */
export class SqsModelQueue {
  readonly isFifo: boolean
  readonly #clock: Clock
  readonly #troubles: SqsTroubles | undefined
  readonly #retentionMs: number
  readonly #mostInFlight: number
  readonly maximumMessageSize: number
  readonly #messages = new Map<string, Message>()
  /** Deduplication ids, with the message they stand for and when they are forgotten. */
  readonly #seen = new Map<string, { readonly sequence: number; readonly until: number }>()
  #sequence = 0

  constructor(
    name: string,
    clock: Clock,
    options: SqsModelQueueOptions,
    troubles: SqsTroubles | undefined,
  ) {
    this.isFifo = name.endsWith('.fifo')
    this.#clock = clock
    this.#troubles = troubles
    this.#retentionMs = options.retentionMs ?? 345_600_000
    this.maximumMessageSize = options.maximumMessageSize ?? largestMessageBytes
    const usual = mostInFlight[this.isFifo ? 'fifo' : 'standard']
    this.#mostInFlight = options.mostInFlight ?? usual
  }

  /** Stores one message and answers its sequence number. Throws what the service would answer. */
  send(entry: SendEntry): string {
    this.#expire()
    const { MessageBody: body, DelaySeconds: delay = 0 } = entry
    if (body.length === 0) throw refuse('MissingParameter', 'A message needs a body')
    if (!allowed.test(body)) throw refuse('InvalidMessageContents', 'Characters not allowed')
    if (Buffer.byteLength(body) > this.maximumMessageSize) {
      throw refuse('InvalidParameterValue', 'Message must be shorter than its limit')
    }
    if (!Number.isInteger(delay) || delay < 0 || delay > longestDelaySeconds) {
      throw refuse('InvalidParameterValue', `DelaySeconds ${delay} is not from 0 to 900`)
    }
    const known = this.isFifo ? this.#checkFifo(entry) : undefined
    if (!this.isFifo && entry.MessageDeduplicationId !== undefined) {
      throw refuse('InvalidParameterValue', 'A standard queue takes no MessageDeduplicationId')
    }
    if (known !== undefined) return String(known)
    const sequence = ++this.#sequence
    const now = this.#clock.now()
    const id = createHash('sha256').update(`${sequence} ${now}`).digest('hex').slice(0, 32)
    this.#messages.set(id, {
      ...{ id, sequence, body, group: entry.MessageGroupId, sentAt: now, receives: 0 },
      ...{ visibleAt: now + delay * 1_000, receivedAt: undefined, receipt: undefined },
      isRepeated: false,
    })
    const dedup = entry.MessageDeduplicationId
    if (dedup !== undefined) this.#seen.set(dedup, { sequence, until: now + deduplicationMs })
    return sequence.toString()
  }

  /** At most so many that are visible now, which go in flight. `waits`: more may be asked for at once. */
  receive(most: number, visibilityMs: number, waits = false): ReceivedMessage[] {
    this.#expire()
    const now = this.#clock.now()
    const inFlight = this.#inFlight(now)
    const room = this.#mostInFlight - inFlight.length
    if (!this.isFifo && !waits && room <= 0) throw refuse('OverLimit', 'Too many are in flight')
    const withheld = new Set(inFlight.map(({ group }) => group))
    const free: Message[] = []
    for (const message of this.#found()) {
      if (this.isFifo && withheld.has(message.group)) continue
      if (message.visibleAt <= now) free.push(message)
      // The later ones of a group wait for a delayed one too.
      else withheld.add(message.group)
    }
    const taken = this.#inTurn(free).slice(0, Math.max(0, Math.min(most, room)))
    const troubles = this.isFifo ? undefined : this.#troubles
    const brought = troubles?.brought(taken.length, waits) ?? taken.length
    return taken.slice(0, brought).map((message) => this.#handOut(message, now, visibilityMs))
  }

  /** Removes the message of a receipt. On a FIFO queue only while it is in flight under this receipt. */
  delete(receipt: string): void {
    const message = this.#messageOf(receipt)
    if (message === undefined) return
    const isStale = message.receipt !== receipt || message.visibleAt <= this.#clock.now()
    if (this.isFifo && isStale) throw refuse('ReceiptHandleIsInvalid', 'The receipt has expired')
    // Of an older receipt the manual says that the message might not be deleted.
    if (message.receipt !== receipt) return
    // A server that was away still has it.
    if (!this.#staysOnce(message)) this.#messages.delete(message.id)
  }

  /** Changes until when a message in flight stays invisible. */
  changeVisibility(receipt: string, seconds: number): void {
    const now = this.#clock.now()
    const message = this.#messageOf(receipt)
    if (message === undefined) throw refuse('InvalidParameterValue', 'The message does not exist')
    if (message.receipt !== receipt) throw refuse('ReceiptHandleIsInvalid', 'A later one exists')
    if (message.receivedAt === undefined || message.visibleAt <= now) {
      throw refuse('MessageNotInflight', 'The message is not in flight')
    }
    const wholeMs = now - message.receivedAt + seconds * 1_000
    if (!Number.isInteger(seconds) || seconds < 0 || wholeMs > longestVisibilityMs) {
      throw refuse('InvalidParameterValue', `VisibilityTimeout ${seconds} is beyond 12 hours`)
    }
    message.visibleAt = now + seconds * 1_000
    if (seconds === 0) message.receivedAt = undefined
  }

  attributes(): Record<string, string> {
    this.#expire()
    const now = this.#clock.now()
    const all = [...this.#messages.values()]
    const inFlight = this.#inFlight(now).length
    const delayed = all.filter((m) => m.visibleAt > now && m.receivedAt === undefined).length
    return {
      ApproximateNumberOfMessages: String(all.length - inFlight - delayed),
      ApproximateNumberOfMessagesNotVisible: String(inFlight),
      ApproximateNumberOfMessagesDelayed: String(delayed),
      MessageRetentionPeriod: String(this.#retentionMs / 1_000),
      MaximumMessageSize: String(this.maximumMessageSize),
      ...(this.isFifo ? { FifoQueue: 'true' } : {}),
    }
  }

  /** The sequence number of the message that this one repeats, if any. */
  #checkFifo(entry: SendEntry): number | undefined {
    const { MessageGroupId: group, MessageDeduplicationId: dedup, DelaySeconds } = entry
    if (DelaySeconds !== undefined) {
      throw refuse('InvalidParameterValue', 'A FIFO queue takes no DelaySeconds per message')
    }
    if (group === undefined) throw refuse('MissingParameter', 'MessageGroupId is missing')
    if (dedup === undefined) throw refuse('InvalidParameterValue', 'No MessageDeduplicationId')
    for (const text of [group, dedup]) {
      if (!allowedGroup.test(text))
        throw refuse('InvalidParameterValue', `'${text}' is not allowed`)
    }
    const known = this.#seen.get(dedup)
    return known !== undefined && known.until > this.#clock.now() ? known.sequence : undefined
  }

  #handOut(message: Message, now: number, visibilityMs: number): ReceivedMessage {
    message.receives++
    message.receivedAt = now
    const isSeenAgain = this.#staysOnce(message)
    message.visibleAt =
      now + (isSeenAgain ? (this.#troubles?.within(visibilityMs) ?? 0) : visibilityMs)
    message.receipt = `${message.id}.${message.receives}`
    const own = { ApproximateReceiveCount: String(message.receives) }
    const fifo = { MessageGroupId: message.group, SequenceNumber: String(message.sequence) }
    return {
      MessageId: message.id,
      ReceiptHandle: message.receipt,
      Body: message.body,
      Attributes: {
        ...own,
        SentTimestamp: String(Math.floor(message.sentAt)),
        ...(fifo.MessageGroupId === undefined ? {} : (fifo as Record<string, string>)),
      },
    }
  }

  /** In the order in which a receive goes through them. */
  #found(): Iterable<Message> {
    const all = this.#messages.values()
    // What stands behind a long backlog of one group is not found. Source: "Avoid large message backlogs" in the manual.
    if (this.isFifo) return [...all].slice(0, this.#mostInFlight)
    return this.#troubles === undefined ? all : this.#troubles.found([...all])
  }

  /**
   * A FIFO queue gives as many of a group as it can before it begins with another, and promises no more than to
   * try. Source: "FIFO queue delivery logic" in the manual.
   */
  #inTurn(free: readonly Message[]): readonly Message[] {
    if (!this.isFifo || this.#troubles?.mixes()) return free
    return [...Map.groupBy(free, ({ group }) => group).values()].flat()
  }

  /** Whether a message of a standard queue comes once more, which it does only once. */
  #staysOnce(message: Message): boolean {
    if (this.isFifo || message.isRepeated || !this.#troubles?.repeats()) return false
    message.isRepeated = true
    return true
  }

  #messageOf(receipt: string): Message | undefined {
    const [, id = ''] = /^([0-9a-f]{32})\.\d+$/.exec(receipt) ?? []
    if (id === '') throw refuse('ReceiptHandleIsInvalid', 'That is no receipt')
    return this.#messages.get(id)
  }

  #inFlight(now: number): Message[] {
    return [...this.#messages.values()].filter(
      ({ receivedAt, visibleAt }) => receivedAt !== undefined && visibleAt > now,
    )
  }

  /** Messages past their retention are gone, whoever holds them. */
  #expire(): void {
    const now = this.#clock.now()
    for (const [id, { sentAt }] of this.#messages) {
      if (sentAt + this.#retentionMs <= now) this.#messages.delete(id)
    }
    for (const [id, { until }] of this.#seen) if (until <= now) this.#seen.delete(id)
  }
}
