import {
  type Connection,
  ConnectionStatuses,
  produceV7,
  produceV9,
  type Reader,
  Writer,
} from '@platformatic/kafka'
import type { KafkaPlace } from '../kafka-client.ts'

/** The protocol's number of the request. */
const produceKey = 0

/** All in-sync replicas. */
const acks = -1

/** So long the leader waits for the others before it says so, in ms. It is then asked again, with the same batch. */
const replicasTimeoutMs = 5_000

/** A version of the request. */
export interface ProduceFormat {
  readonly version: number
  /** Lengths are varints, one higher, and sections for later fields end everything. */
  readonly isFlexible: boolean
  parse(correlation: number, key: number, version: number, reader: Reader): Answer
}

interface Answer {
  readonly responses: readonly {
    readonly name: string
    readonly partitionResponses: readonly { readonly index: number }[]
  }[]
}

const formats: readonly ProduceFormat[] = [
  { version: 9, isFlexible: true, parse: produceV9.parseResponse },
  { version: 7, isFlexible: false, parse: produceV7.parseResponse },
]

/** The latest version that a broker knows; undefined where it knows none of these. */
export function produceFormatOf(
  apis: readonly { apiKey: number; minVersion: number; maxVersion: number }[],
): ProduceFormat | undefined {
  const known = apis.find(({ apiKey }) => apiKey === produceKey)
  return formats.find(
    ({ version }) =>
      known !== undefined && known.minVersion <= version && version <= known.maxVersion,
  )
}

/** Asks a partition's leader to store a batch. Rejects with the client's error where it says no, or nothing. */
export function produce(
  connection: Connection,
  format: ProduceFormat,
  place: KafkaPlace,
  batch: Buffer,
): Promise<void> {
  const { version, isFlexible, parse } = format
  return new Promise((resolve, reject) => {
    connection.send(
      produceKey,
      version,
      () => requestOf(isFlexible, place, batch),
      parse,
      isFlexible,
      isFlexible,
      (error, answer) => {
        if (error) {
          // No answer in time: the client is about to close it, by which it would not lose what it has still to send.
          if (connection.status === ConnectionStatuses.CLOSING) end(connection)
          reject(error)
        } else if (isOf(place, answer)) resolve()
        else reject(new Error('The broker answered for another partition than was asked.'))
      },
    )
  })
}

/** Ends it at once: what waits in the system's buffers might still arrive, and behind what is sent next. */
export function end({ socket }: Connection): void {
  try {
    socket?.resetAndDestroy()
  } catch {
    // Not for TLS, which has a socket of its own inside.
    socket?.destroy()
  }
}

/*
 * Produce => transactional_id acks timeout [topic] TAGS
 *   topic => name [partition] TAGS
 *     partition => index records TAGS
 */
function requestOf(isFlexible: boolean, { topic, partition }: KafkaPlace, batch: Buffer): Writer {
  const writer = Writer.create()
    .appendString(null, isFlexible)
    .appendInt16(acks)
    .appendInt32(replicasTimeoutMs)
    .appendArray(
      [batch],
      (one) =>
        one
          .appendString(topic, isFlexible)
          .appendArray(
            [batch],
            (own) => own.appendInt32(partition).appendBytes(batch, isFlexible),
            isFlexible,
            isFlexible,
          ),
      isFlexible,
      isFlexible,
    )
  return isFlexible ? writer.appendTaggedFields() : writer
}

function isOf({ topic, partition }: KafkaPlace, answer: Answer | undefined): boolean {
  const of = answer?.responses[0]
  return of?.name === topic && of.partitionResponses[0]?.index === partition
}
