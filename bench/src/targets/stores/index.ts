import type { BenchStore } from '../store.ts'
import { cassandra } from './cassandra.ts'
import { elasticsearch } from './elasticsearch.ts'
import { http, httpBatch } from './http.ts'
import { memcached } from './memcached.ts'
import { redis } from './redis.ts'

/** The stores that there are, in the order of the report. */
export const benchStores: readonly BenchStore[] = [
  cassandra,
  elasticsearch,
  redis,
  memcached,
  http,
  httpBatch,
]
