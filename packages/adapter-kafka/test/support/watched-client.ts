import type {
  KafkaClient,
  KafkaGroup,
  KafkaGroupListener,
  KafkaGroupOptions,
  KafkaPlace,
} from '../../src/index.ts'

/** A client of which a test can see what its groups are told, and tell them more. */
export interface WatchedClient extends KafkaClient {
  /** The last member of that group. */
  member(group: string): WatchedMember | undefined
}

/** A member of a group, and the partitions that it was given last. */
export interface WatchedMember {
  readonly listener: KafkaGroupListener
  places: readonly KafkaPlace[]
  /** True: what it reads is kept from its listener. */
  isDeaf: boolean
  group: KafkaGroup | undefined
}

/** What a test does before a group is joined; rejects to have it fail. */
export type BeforeJoin = (options: KafkaGroupOptions) => Promise<void>

export function watchedClient(
  client: KafkaClient,
  beforeJoin: BeforeJoin = async () => {},
): WatchedClient {
  const members = new Map<string, WatchedMember>()
  const join = async (
    options: KafkaGroupOptions,
    listener: KafkaGroupListener,
  ): Promise<KafkaGroup> => {
    await beforeJoin(options)
    const member: WatchedMember = { listener, places: [], isDeaf: false, group: undefined }
    members.set(options.group, member)
    member.group = await client.group(options, {
      assigned(places) {
        member.places = places
        listener.assigned(places)
      },
      rebalancing: () => listener.rebalancing(),
      entries: (...given) => {
        if (!member.isDeaf) listener.entries(...given)
      },
      failed: (error) => listener.failed(error),
    })
    return member.group
  }
  return {
    name: client.name,
    admin: () => client.admin(),
    sender: () => client.sender(),
    reader: (topic) => client.reader(topic),
    group: join,
    member: (group) => members.get(group),
  }
}
