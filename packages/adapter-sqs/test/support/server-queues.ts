import { SQS } from '@aws-sdk/client-sqs'
import type { Receipt } from '@daybook/core'
import type { Identified } from '@daybook/core/testing'

const clients: SQS[] = []

/** A client of the server at that address. */
export function connect(address: string): SQS {
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' }
  const client = new SQS({ endpoint: `http://${address}`, region: 'us-east-1', credentials })
  clients.push(client)
  return client
}

/** Ends the connections of all clients so far. */
export function disconnectAll(): void {
  for (const client of clients.splice(0)) client.destroy()
}

/** Makes a queue, FIFO where its name says so, and answers its URL. */
export async function createQueue(address: string, QueueName: string): Promise<string> {
  const Attributes = QueueName.endsWith('.fifo') ? { FifoQueue: 'true' } : {}
  const { QueueUrl = '' } = await connect(address).createQueue({ QueueName, Attributes })
  return QueueUrl
}

/** As much of a wal as writers need. */
export interface Writable {
  tryWrite(
    namespace: 'faults',
    input: {
      key: string
      payload: number
      timeout: '3s'
      delay?: '2s'
      id?: string
      version?: bigint
    },
  ): Promise<Receipt>
}

/** Writes each until it is known to be stored: what is unknown is written again as the same. */
export async function writeSurely(
  wal: Writable,
  from: number,
  to: number,
  { keys = 7, ...more }: { readonly keys?: number; readonly delay?: '2s' } = {},
): Promise<readonly Identified[]> {
  const written: Identified[] = []
  const lanes = Array.from({ length: keys }, async (_, lane) => {
    for (let n = from + lane; n < to; n += keys) {
      const input = { key: `key ${n % keys}`, payload: n, timeout: '3s', ...more } as const
      let receipt = await wal.tryWrite('faults', input)
      while (receipt.durable !== 'yes') {
        const { id, version } = receipt
        await new Promise((resolve) => setTimeout(resolve, 100))
        receipt = await wal.tryWrite('faults', { ...input, id, version })
      }
      written.push({ id: receipt.id, key: input.key })
    }
  })
  await Promise.all(lanes)
  return written
}
