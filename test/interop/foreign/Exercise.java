// What test/support/exercise.ts does, with FuseSource's MQTT client for Java.
import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.*;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.*;
import org.fusesource.mqtt.client.*;

public class Exercise {
  static String url, name, version;
  static SSLContext context;

  static MQTT client(String role) throws Exception {
    MQTT mqtt = new MQTT();
    mqtt.setHost(url);
    mqtt.setVersion(version);
    mqtt.setClientId(name + "-" + role.charAt(0));
    mqtt.setConnectAttemptsMax(0);
    mqtt.setReconnectAttemptsMax(0);
    mqtt.setSslContext(context);
    return mqtt;
  }

  static BlockingConnection open(MQTT mqtt) throws Exception {
    BlockingConnection connection = mqtt.blockingConnection();
    connection.connect();
    return connection;
  }

  static void print(BlockingConnection connection, int count) throws Exception {
    List<String> lines = new ArrayList<>();
    while (lines.size() < count) {
      Message message = connection.receive(10, TimeUnit.SECONDS);
      if (message == null) throw new Exception("only " + lines);
      lines.add(message.getTopic() + " " + new String(message.getPayload()));
      message.ack();
    }
    Collections.sort(lines);
    for (String line : lines) System.out.println(line);
    connection.disconnect();
  }

  static BlockingConnection subscribe(String role, String filter) throws Exception {
    BlockingConnection connection = open(client(role));
    connection.subscribe(new Topic[] {new Topic(filter, QoS.EXACTLY_ONCE)});
    return connection;
  }

  public static void main(String[] args) throws Exception {
    url = args[0];
    name = args[1];
    version = args[2];
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    store.setCertificateEntry("ca",
        CertificateFactory.getInstance("X.509").generateCertificate(new FileInputStream(args[3])));
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);

    MQTT willing = client("publisher");
    willing.setWillTopic(name + "/will");
    willing.setWillMessage("gone");
    willing.setWillQos(QoS.AT_LEAST_ONCE);
    BlockingConnection publisher = open(willing);
    BlockingConnection watcher = subscribe("watcher", name + "/live/#");
    for (QoS qos : QoS.values()) {
      publisher.publish(name + "/live/" + qos.ordinal(), ("live " + qos.ordinal()).getBytes(), qos, false);
      publisher.publish(name + "/kept/" + qos.ordinal(), ("kept " + qos.ordinal()).getBytes(), qos, true);
    }
    print(watcher, 3);
    print(subscribe("late", name + "/kept/#"), 3);
    BlockingConnection heir = subscribe("heir", name + "/will");
    publisher.kill();
    print(heir, 1);
    BlockingConnection sweeper = open(client("sweeper"));
    for (QoS qos : QoS.values()) sweeper.publish(name + "/kept/" + qos.ordinal(), new byte[0], qos, true);
    sweeper.disconnect();
    System.exit(0);
  }
}
