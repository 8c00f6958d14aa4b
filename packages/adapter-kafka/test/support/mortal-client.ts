import type {
  KafkaAdmin,
  KafkaClient,
  KafkaGroup,
  KafkaReader,
  KafkaSender,
} from '../../src/index.ts'

/** A client whose process can die: nothing that it does afterwards reaches the broker, or comes back. */
export interface MortalClient extends KafkaClient {
  /** Resolves once the broker has forgotten its memberships, as it does after the session time-out. */
  die(): Promise<void>
}

/** With `refused` those that wait for a commit or a send are told so: they hold what all of this process share. */
export function mortalClient(client: KafkaClient, refused?: 'refused'): MortalClient {
  const parts = new Set<{ close(): Promise<void> }>()
  let isDead = false
  const living = <T extends { close(): Promise<void> }>(part: T): T => {
    parts.add(part)
    return new Proxy(part, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name)
        if (typeof method !== 'function') return method
        return (...args: unknown[]) => {
          const isTold = refused !== undefined && (name === 'commit' || name === 'send')
          if (isDead && isTold) return Promise.reject(new Error('Its process is gone.'))
          if (isDead) return new Promise(() => {})
          if (name === 'close') parts.delete(target)
          return method.apply(target, args)
        }
      },
    })
  }
  return {
    name: client.name,
    admin: async () => living<KafkaAdmin>(await client.admin()),
    sender: async () => living<KafkaSender>(await client.sender()),
    reader: async (topic) => living<KafkaReader>(await client.reader(topic)),
    async group(options, listener) {
      const group = await client.group(options, {
        assigned: (places) => isDead || listener.assigned(places),
        rebalancing: () => isDead || listener.rebalancing(),
        entries: (...args) => isDead || listener.entries(...args),
        failed: (error) => isDead || listener.failed(error),
      })
      return living<KafkaGroup>(group)
    },
    async die() {
      isDead = true
      await Promise.allSettled([...parts].map((part) => part.close()))
    },
  }
}
