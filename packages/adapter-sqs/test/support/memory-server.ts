import { type Service, service } from '@daybook/services'

/**
 * A server that keeps all in memory, which is several times as fast: for suites that do not restart it. They
 * have it in common, and come one after the other.
 */
export function memoryServer(): Promise<Service> {
  const settings = { 'messages-storage.enabled': 'false', 'queues-storage.enabled': 'false' }
  return service('sqs', { instance: 'memory', settings })
}
