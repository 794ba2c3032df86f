import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** The official client at the other end of a request: it answers, or it asks. */
public final class RequestReply {
    private static final String USAGE = """
            usage: RequestReply answer NAMESRV TOPIC       answers in capitals until it is killed; prints `ready` when it reads
                   RequestReply ask NAMESRV TOPIC COUNT    asks so many times and prints each answer""";

    public static void main(String[] args) throws Exception {
        int code = 0;
        if (args.length == 3 && args[0].equals("answer")) {
            answer(args[1], args[2]);
        } else if (args.length == 4 && args[0].equals("ask")) {
            ask(args[1], args[2], Integer.parseInt(args[3]));
        } else {
            System.err.println(USAGE);
            code = 2;
        }
        System.out.flush();
        Runtime.getRuntime().halt(code);
    }

    private static DefaultMQProducer producer(String namesrv, String group) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer(group);
        producer.setNamesrvAddr(namesrv);
        producer.start();
        return producer;
    }

    private static void answer(String namesrv, String topic) throws Exception {
        DefaultMQProducer producer = producer(namesrv, "java_responder");
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer("java_responder");
        consumer.setNamesrvAddr(namesrv);
        consumer.setPullTimeDelayMillsWhenException(200);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((List<MessageExt> messages, org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyContext context) -> {
            for (MessageExt message : messages) {
                String body = new String(message.getBody(), StandardCharsets.ISO_8859_1);
                try {
                    byte[] answer = body.toUpperCase(Locale.ROOT).getBytes(StandardCharsets.ISO_8859_1);
                    producer.send(MessageUtil.createReplyMessage(message, answer), 3000);
                } catch (Exception e) {
                    System.err.println("RequestReply: " + e);
                }
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        while (consumer.getDefaultMQPushConsumerImpl().getRebalanceImpl().getProcessQueueTable().isEmpty()) {
            Thread.sleep(20);
        }
        System.out.println("ready");
        System.out.flush();
        Thread.sleep(Long.MAX_VALUE);
    }

    private static void ask(String namesrv, String topic, int count) throws Exception {
        DefaultMQProducer producer = producer(namesrv, "java_requester");
        for (int number = 0; number < count; number++) {
            byte[] body = ("request " + number).getBytes(StandardCharsets.UTF_8);
            Message answer = producer.request(new Message(topic, body), 5000);
            System.out.println(new String(answer.getBody(), StandardCharsets.UTF_8));
        }
        producer.shutdown();
    }
}
