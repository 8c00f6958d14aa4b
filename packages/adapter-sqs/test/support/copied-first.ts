import type { Consumer, Queue } from '@daybook/core'
import type { SqsClient } from '../../src/index.ts'

/**
 * A FIFO queue hands out of a group what lies there just then, and no more of it until that is deleted. A forwarder copies the
 * records of a key one after the other, so who pulls at once gets the first alone. A suite that asks for several of a
 * key at once therefore pulls only when all that was sent has been copied.
 */
export class CopiedFirst {
  readonly #ingressUrl: string
  /** Messages in the ingress queue. */
  #left = 0
  readonly #wake: (() => void)[] = []

  constructor(ingressUrl: string) {
    this.#ingressUrl = ingressUrl
  }

  /** Counts what lies in the ingress queue. */
  counting(client: SqsClient): SqsClient {
    return {
      receiveMessage: (input) => client.receiveMessage(input),
      changeMessageVisibilityBatch: (input) => client.changeMessageVisibilityBatch(input),
      getQueueAttributes: (input) => client.getQueueAttributes(input),
      sendMessageBatch: async (input) => {
        const output = await client.sendMessageBatch(input)
        if (input.QueueUrl === this.#ingressUrl) this.#left += output.Successful?.length ?? 0
        return output
      },
      deleteMessageBatch: async (input) => {
        const output = await client.deleteMessageBatch(input)
        if (input.QueueUrl === this.#ingressUrl) this.#left -= output.Successful?.length ?? 0
        if (this.#left === 0) for (const wake of this.#wake.splice(0)) wake()
        return output
      },
    }
  }

  over(queue: Queue): Queue {
    return {
      ...{ kind: queue.kind, supports: queue.supports },
      open: (context) => queue.open(context),
      producer: () => queue.producer(),
      consumer: async (target) => this.#consumer(await queue.consumer(target)),
      deadLetters: () => queue.deadLetters(),
      close: () => queue.close(),
    }
  }

  #consumer(inner: Consumer): Consumer {
    const closing = Promise.withResolvers<void>()
    return {
      pull: async (options) => {
        await Promise.race([this.#copied(options.signal), closing.promise])
        return inner.pull(options)
      },
      ack: (deliveries) => inner.ack(deliveries),
      release: (releases) => inner.release(releases),
      saveAttempts: (saved) => inner.saveAttempts(saved),
      backlog: () => inner.backlog(),
      watermark: (options) => inner.watermark(options),
      close: () => {
        closing.resolve()
        return inner.close()
      },
    }
  }

  #copied(signal: AbortSignal): Promise<void> {
    if (this.#left === 0 || signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      this.#wake.push(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }
}
