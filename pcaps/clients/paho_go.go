// Drives Paho for Go through what capture.sh wants to show. Each step that does not come within ten seconds ends the run
// with an error. Usage: paho_go URL [KEY-LOG]
package main

import (
	"crypto/tls"
	"log"
	"net"
	"net/url"
	"os"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

const patience = 10 * time.Second

type client struct {
	mqtt.Client
	arrived    chan mqtt.Message
	connection net.Conn
}

// wait ends the run where the step fails or does not come.
func wait(step string, token mqtt.Token) {
	if !token.WaitTimeout(patience) {
		log.Fatalf("%s did not come within ten seconds", step)
	}
	if token.Error() != nil {
		log.Fatalf("%s: %v", step, token.Error())
	}
}

func (c *client) await(count int) {
	for ; count > 0; count-- {
		select {
		case <-c.arrived:
		case <-time.After(patience):
			log.Fatal("a message did not come within ten seconds")
		}
	}
}

func (c *client) publish(topic string, qos byte, retained bool, payload string) {
	wait("publishing to "+topic, c.Publish(topic, qos, retained, payload))
}

func (c *client) subscribe(filter string, qos byte) {
	wait("subscribing to "+filter, c.Subscribe(filter, qos, nil))
}

type connector struct {
	url    string
	secure *tls.Config
}

func (where connector) connect(name string, set func(*mqtt.ClientOptions)) *client {
	made := &client{arrived: make(chan mqtt.Message, 16)}
	options := mqtt.NewClientOptions().AddBroker(where.url).SetClientID(name).SetProtocolVersion(4).SetAutoReconnect(false)
	options.SetCustomOpenConnectionFn(func(uri *url.URL, _ mqtt.ClientOptions) (connection net.Conn, err error) {
		if where.secure == nil {
			connection, err = net.Dial("tcp", uri.Host)
		} else {
			connection, err = tls.Dial("tcp", uri.Host, where.secure)
		}
		made.connection = connection
		return connection, err
	})
	options.SetDefaultPublishHandler(func(_ mqtt.Client, message mqtt.Message) { made.arrived <- message })
	if set != nil {
		set(options)
	}
	made.Client = mqtt.NewClient(options)
	wait("connecting "+name, made.Connect())
	return made
}

func main() {
	where := connector{url: os.Args[1]}
	if len(os.Args) > 2 {
		keys, err := os.OpenFile(os.Args[2], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			log.Fatal(err)
		}
		defer keys.Close()
		where.secure = &tls.Config{InsecureSkipVerify: true, KeyLogWriter: keys}
	}

	subscriber := where.connect("go-subscriber", nil)
	subscriber.subscribe("demo/+", 2)
	publisher := where.connect("go-publisher", nil)
	publisher.publish("demo/0", 0, false, "at most once")
	publisher.publish("demo/1", 1, false, "at least once")
	publisher.publish("demo/2", 2, false, "exactly once")
	subscriber.await(3)
	wait("unsubscribing", subscriber.Unsubscribe("demo/+"))
	publisher.publish("demo/retained", 1, true, "kept")
	subscriber.subscribe("demo/retained", 1)
	subscriber.await(1)
	publisher.publish("demo/retained", 1, true, "")
	subscriber.await(1)

	// A client that goes without DISCONNECT: its Will Message is published.
	subscriber.subscribe("demo/will", 1)
	dying := where.connect("go-dying", func(options *mqtt.ClientOptions) {
		options.SetWill("demo/will", "gone", 1, false)
	})
	dying.connection.Close()
	subscriber.await(1)
	subscriber.Disconnect(250)

	// A session that outlives its connection.
	keep := func(options *mqtt.ClientOptions) { options.SetCleanSession(false) }
	sleeper := where.connect("go-sleeper", keep)
	sleeper.subscribe("demo/stored", 1)
	sleeper.Disconnect(250)
	publisher.publish("demo/stored", 1, false, "first while away")
	publisher.publish("demo/stored", 2, false, "second while away")
	publisher.Disconnect(250)
	sleeper = where.connect("go-sleeper", keep)
	sleeper.await(2)
	sleeper.Disconnect(250)
}
