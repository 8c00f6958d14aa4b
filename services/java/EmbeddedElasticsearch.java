import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * Runs one Elasticsearch node in this JVM: java … EmbeddedElasticsearch CONFIG_DIRECTORY setting=value …
 *
 * <p>The server is on Maven Central as jars and not as the distribution, whose launcher this replaces.
 */
public final class EmbeddedElasticsearch {
  public static void main(String[] args) throws Exception {
    Settings.Builder settings = Settings.builder();
    for (int i = 1; i < args.length; i++) {
      String[] pair = args[i].split("=", 2);
      settings.put(pair[0], pair[1]);
    }
    LogConfigurator.configureESLogging(); // before anything else of Elasticsearch
    Environment environment =
        InternalSettingsPreparer.prepareEnvironment(
            settings.build(), Map.of(), Path.of(args[0]), () -> "daybook");
    // false: modules are found on the class path, and not as modules of Java.
    PluginsLoader plugins =
        PluginsLoader.createPluginsLoader(
            PluginsLoader.loadModulesBundles(environment.modulesDir(), false),
            Set.of(),
            Map.of(),
            false);
    Node node = new Node(environment, plugins);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> close(node)));
    node.start();
    Thread.currentThread().join();
  }

  private static void close(Node node) {
    try {
      node.prepareForClose();
      node.close();
    } catch (Exception e) {
      e.printStackTrace();
    }
  }
}
