import { expect, test } from 'vitest'
import { isRefusal } from '../../src/kafka-errors.ts'
import { openSender } from '../../src/kafkajs/kafkajs-sender.ts'
import type { KafkaJs, KafkaJsProducerMessage } from '../../src/kafkajs/kafkajs-types.ts'

/** A client that makes so many requests of what it is given, and then fails so. */
function clientThat(requests: number, failure: Error): KafkaJs {
  const seen: unknown[] = []
  return {
    producer: () => ({
      connect: async () => {},
      disconnect: async () => {},
      async send({ messages }: { readonly messages: readonly KafkaJsProducerMessage[] }) {
        for (let made = 0; made < requests; made++) seen.push(messages.map((one) => ({ ...one })))
        throw failure
      },
    }),
  } as Partial<KafkaJs> as KafkaJs
}

async function failureOf(client: KafkaJs): Promise<unknown> {
  const sender = await openSender(client)
  const message = { key: null, value: null, headers: new Map() }
  const place = { topic: 'films', partition: 0 }
  return sender.send(place, [message, message]).catch((error: unknown) => error)
}

const denied = Object.assign(new Error('No'), { type: 'TOPIC_AUTHORIZATION_FAILED' })
const notLetIn = Object.assign(new Error('No'), { name: 'KafkaJSSASLAuthenticationError' })

test.each([
  { requests: 0, failure: denied, isCertain: true },
  { requests: 1, failure: denied, isCertain: true },
  // The first may have been stored, and its answer lost.
  { requests: 2, failure: denied, isCertain: false },
  { requests: 0, failure: notLetIn, isCertain: true },
  // That is said as a connection is made: the one over which it was sent is gone.
  { requests: 1, failure: notLetIn, isCertain: false },
])(
  'a refusal through kafkajs speaks for the try that it answers, and for none before: $requests, $failure.name, $isCertain',
  async ({ requests, failure, isCertain }) => {
    const error = await failureOf(clientThat(requests, failure))
    expect(error).toBeInstanceOf(Error)
    expect(isRefusal(error)).toBe(isCertain)
    if (!isCertain)
      expect((error as Error).message).toContain('an earlier try may have been stored')
  },
)
