import type { BenchStore } from '../store.ts'
import { elasticsearch } from './elasticsearch.ts'
import { memcached } from './memcached.ts'
import { redis } from './redis.ts'

/** The stores that there are, in the order of the report. */
export const benchStores: readonly BenchStore[] = [elasticsearch, redis, memcached]
