import * as kafka from '@platformatic/kafka'

/** An answer about topics, or the error that the client has made of it. */
type Told = (error: unknown, answer?: unknown) => void

/** A request of the client's: what is asked, and at the end who is told. */
type Request = (...given: readonly unknown[]) => void

type GetApi = (name: string, told: (error: Error | null, request?: Request) => void) => void

/**
 * Has a client take a partition without a leader as part of the answer, with -1 for its leader. By itself it takes the
 * whole answer for a failure then, be it about one topic or about all of the cluster: no topic would be found, no other
 * partition be read or written, and no heartbeat be sent, for as long as one partition is down.
 */
export function withLeaderless<Client extends kafka.Base>(client: Client): Client {
  const { kGetApi } = kafka as { readonly kGetApi?: typeof kafka.kGetApi }
  const inherited = kGetApi === undefined ? undefined : client[kGetApi]
  // It is the client's own business: a release without it is used as it is.
  if (kGetApi === undefined || typeof inherited !== 'function') return client
  const own = inherited.bind(client) as GetApi
  const getApi: GetApi = (name, told) =>
    own(name, (error, request) => {
      told(error, name === 'Metadata' && request ? lenient(request) : request)
    })
  return Object.assign(client, { [kGetApi]: getApi })
}

function lenient(request: Request): Request {
  const asked: Request = (...given) => {
    const told = given.at(-1) as Told
    request(...given.slice(0, -1), (error: unknown, answer: unknown) => {
      const whole = answerIn(error)
      if (whole === undefined) told(error, answer)
      else told(null, whole)
    })
  }
  // The client looks at its version.
  return Object.assign(asked, request)
}

/** What the broker answered, where all that is wrong with it is that partitions have no leader. */
function answerIn(error: unknown): unknown {
  const { errors, response } = (error ?? {}) as { errors?: readonly unknown[]; response?: unknown }
  const isOfPartition = (one: unknown): boolean =>
    kafka.findErrorBy(one as Error, 'apiId', 'LEADER_NOT_AVAILABLE') !== null &&
    String((one as { path?: unknown }).path).includes('/partitions/')
  return errors !== undefined && errors.length > 0 && errors.every(isOfPartition)
    ? response
    : undefined
}
