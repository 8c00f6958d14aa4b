import { type Admin, type ConnectionPool, metadataV12 } from '@platformatic/kafka'

/** By the protocol's numbers of operations: each is a bit of what a broker answers. */
const operations: ReadonlyMap<number, string> = new Map([
  [3, 'Read'],
  [4, 'Write'],
  [8, 'Describe'],
  [10, 'DescribeConfigs'],
])

/** The broker's answer where it does not say. */
const untold = -(2 ** 31)

/**
 * What this client's principal may do with a topic; undefined where the broker does not say. The client
 * itself does not ask for it, so the request is made here.
 */
export async function rightsOn(
  admin: Admin,
  pool: ConnectionPool,
  topic: string,
): Promise<ReadonlySet<string> | undefined> {
  const { brokers } = await admin.metadata({ topics: [] })
  const [broker] = brokers.values()
  if (broker === undefined) return undefined
  const connection = await pool.get(broker)
  const { topics } = await metadataV12.api.async(connection, [topic], false, true)
  const bits = topics[0]?.topicAuthorizedOperations ?? untold
  if (bits === untold) return undefined
  return new Set(
    [...operations].filter(([bit]) => (bits & (1 << bit)) !== 0).map(([, name]) => name),
  )
}
