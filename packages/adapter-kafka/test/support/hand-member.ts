import {
  Connection,
  findErrorBy,
  heartbeatV4,
  joinGroupV9,
  leaveGroupV5,
  type ProtocolError,
  syncGroupV5,
} from '@platformatic/kafka'

/** A group's protocol and what it needs of its members, which their leader here never reads. */
const protocols = ['RoundRobinAssigner', 'roundrobin'].map((name) => ({
  name,
  metadata: subscription(),
}))

/** A member of a group that takes each step of the protocol only when it is told to. */
export class HandMember {
  readonly #broker: string
  readonly #connection: Connection
  readonly #group: string
  #memberId = ''
  #protocol = ''
  generation = 0

  private constructor(broker: string, connection: Connection, group: string) {
    this.#broker = broker
    this.#connection = connection
    this.#group = group
  }

  static async connect(broker: string, group: string): Promise<HandMember> {
    return new HandMember(broker, await connectTo(broker), group)
  }

  /** Answers the names of all members if it leads them, else none. */
  async join(): Promise<readonly string[]> {
    const join = () =>
      joinGroupV9.api.async(
        ...([this.#connection, this.#group, 120_000, 120_000, this.#memberId, null] as const),
        ...(['consumer', protocols, ''] as const),
      )
    const answer = await join().catch((error: Error) => {
      // Its first request is only answered by a name.
      this.#memberId = findErrorBy<ProtocolError>(error, 'needsRejoin', true)?.['memberId'] ?? ''
      return join()
    })
    this.#memberId = answer.memberId
    this.#protocol = answer.protocolName ?? ''
    this.generation = answer.generationId
    return answer.members.map(({ memberId }) => memberId)
  }

  /** Resolves once the group is to be made anew. */
  async untilRebalance(): Promise<void> {
    for (;;) {
      try {
        await heartbeatV4.api.async(this.#connection, this.#group, this.generation, this.#memberId)
      } catch {
        return
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** As the leader: gives the first partition of the topic to one member. */
  async giveTo(memberId: string, topic: string): Promise<void> {
    const assignments = [{ memberId, assignment: assignment(topic) }]
    await syncGroupV5.api.async(
      ...([this.#connection, this.#group, this.generation, this.#memberId, null] as const),
      ...(['consumer', this.#protocol, assignments] as const),
    )
  }

  get memberId(): string {
    return this.#memberId
  }

  /** Leaves the group, over another connection: nothing is answered on one whose join waits for others. */
  async close(): Promise<void> {
    const connection = await connectTo(this.#broker)
    const members = [{ memberId: this.#memberId }]
    await leaveGroupV5.api.async(connection, this.#group, members)
    await Promise.all([connection.close(), this.#connection.close()])
  }
}

async function connectTo(broker: string): Promise<Connection> {
  const [host = '', port = ''] = broker.split(':')
  const connection = new Connection('by-hand')
  await connection.connect(host, Number(port))
  return connection
}

/** Version 0, no topics, no data. */
function subscription(): Buffer {
  return Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

/** Version 0, partition 0 of the topic, no data. */
function assignment(topic: string): Buffer {
  const name = Buffer.from(topic)
  const [before, after] = [Buffer.alloc(8), Buffer.alloc(12)]
  before.writeInt32BE(1, 2)
  before.writeInt16BE(name.length, 6)
  after.writeInt32BE(1, 0)
  return Buffer.concat([before, name, after])
}
