/** What every broker of ours is told, whatever its ports. `compose.yaml` has it too. */
export const brokerSettings = {
  'process.roles': 'broker,controller',
  'node.id': 1,
  'controller.listener.names': 'CONTROLLER',
  'inter.broker.listener.name': 'PLAINTEXT',
  'log.dirs': 'data',
  // One broker: a topic of its own can have one replica.
  'offsets.topic.replication.factor': 1,
  'offsets.topic.num.partitions': 5,
  'transaction.state.log.replication.factor': 1,
  'transaction.state.log.min.isr': 1,
  'transaction.state.log.num.partitions': 5,
  'share.coordinator.state.topic.replication.factor': 1,
  'share.coordinator.state.topic.min.isr': 1,
  'share.coordinator.state.topic.num.partitions': 5,
  'default.replication.factor': 1,
  'min.insync.replicas': 1,
  'num.partitions': 1,
  // A topic that nobody created is a mistake, and no test should wait for further consumers.
  'auto.create.topics.enable': 'false',
  'group.initial.rebalance.delay.ms': 0,
  // A broker that was killed may not come back before the session of its former life is over.
  'broker.session.timeout.ms': 4_000,
  'broker.heartbeat.interval.ms': 500,
  // A small machine with other things to do.
  'num.network.threads': 2,
  'num.io.threads': 4,
  'background.threads': 2,
  'num.recovery.threads.per.data.dir': 1,
  'log.segment.bytes': 64 * 1024 * 1024,
  'log.retention.ms': -1,
}
