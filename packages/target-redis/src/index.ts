export type {
  IoRedisClient,
  NodeRedisClient,
  NodeRedisEvalOptions,
  RedisArgument,
  RedisClient,
} from './redis-client.ts'
export type { RedisTargetOptions } from './redis-options.ts'
export { redisTarget } from './redis-target.ts'
