import type { SqsClient } from '../src/sqs-client.ts'

/** A client that dies with its process: from then on nothing it is asked goes out, or comes back. */
export function mortalClient(client: SqsClient): { client: SqsClient; die(): void } {
  let isDead = false
  const never = new Promise<never>(() => {})
  const mortal =
    <I, O>(call: (input: I) => Promise<O>) =>
    async (input: I): Promise<O> => {
      if (isDead) return never
      const output = await call(input)
      return isDead ? never : output
    }
  return {
    client: {
      sendMessageBatch: mortal((input) => client.sendMessageBatch(input)),
      receiveMessage: mortal((input) => client.receiveMessage(input)),
      deleteMessageBatch: mortal((input) => client.deleteMessageBatch(input)),
      changeMessageVisibilityBatch: mortal((input) => client.changeMessageVisibilityBatch(input)),
      getQueueAttributes: mortal((input) => client.getQueueAttributes(input)),
    },
    die: () => {
      isDead = true
    },
  }
}
