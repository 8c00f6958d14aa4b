import type { Server } from '../server.ts'
import { cassandra } from './cassandra.ts'
import { elasticsearch } from './elasticsearch.ts'
import { kafka } from './kafka.ts'
import { memcached } from './memcached.ts'
import { postgresql } from './postgresql.ts'
import { redis } from './redis.ts'
import { sqs } from './sqs.ts'

/** The name of a server, as it is written on the command line and in tests. */
export type ServerName =
  | 'kafka'
  | 'sqs'
  | 'cassandra'
  | 'elasticsearch'
  | 'memcached'
  | 'redis'
  | 'postgresql'

/** Every server by its name. */
export const servers: Readonly<Record<ServerName, Server>> = {
  kafka,
  sqs,
  cassandra,
  elasticsearch,
  memcached,
  redis,
  postgresql,
}

/** Every server's name. */
export const serverNames = Object.keys(servers) as readonly ServerName[]
