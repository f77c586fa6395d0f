# frozen_string_literal: true

require 'shoryuken'
require_relative 'carrier_client'

# One message is one order that needs a label.
class LabelWorker
  include Shoryuken::Worker

  shoryuken_options queue: 'label-orders', auto_delete: true, body_parser: :json

  def perform(message, order)
    label = CarrierClient.new(key: ENV.fetch('CARRIER_KEY')).label(order)
    Labels.save(order.fetch('order_id'), label)
    Shoryuken.logger.info("order #{order['order_id']} has label #{label}")
  end
end
