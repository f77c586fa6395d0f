# frozen_string_literal: true

require 'json'
require 'net/http'
require 'openssl'

# The carrier's HTTP API. One idempotency key gives one label, however often it is asked for.
class CarrierClient
  HOST = 'api.carrier.example.com'

  def initialize(key:)
    @key = key
  end

  def label(order)
    request = Net::HTTP::Post.new('/v2/labels')
    request['Authorization'] = "Bearer #{@key}"
    request['Idempotency-Key'] = order.fetch('order_id')
    request.body = JSON.generate(order)
    answer = connection.request(request)
    raise "carrier: HTTP #{answer.code}: #{answer.body.to_s[0, 300]}" unless answer.is_a?(Net::HTTPSuccess)

    JSON.parse(answer.body).fetch('label_id')
  end

  private

  def connection
    Net::HTTP.new(HOST, 443).tap do |http|
      http.use_ssl = true
      http.open_timeout = 5
      http.read_timeout = 15
    end
  end
end
